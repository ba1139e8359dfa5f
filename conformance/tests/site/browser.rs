//! Chromium without a window, driven by WebDriver. See <https://www.w3.org/TR/webdriver2/>; what
//! begins with `goog` is chromedriver's own.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use base64::{Engine, engine::general_purpose::STANDARD};
use conformance::TempDir;
use serde_json::{Value, json};

/// How long anything may take that a page does after it was loaded.
const PATIENCE: Duration = Duration::from_secs(10);

/// The key that follows a link, as WebDriver writes keys.
pub const ENTER: &str = "\u{e007}";

/// The size of a window in pixels.
pub type Size = (u32, u32);
pub const TELEPHONE: Size = (360, 740);
pub const DESK: Size = (1280, 900);

/// A browser with a profile of its own, which ends when this is dropped.
pub struct Browser {
    driver: Child,
    agent: ureq::Agent,
    /// Where this session's commands go.
    session: String,
    _profile: TempDir,
}

impl Browser {
    pub fn new() -> Result<Self> {
        let profile = TempDir::new("browser")?;
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .env("HOME", profile.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("starting chromedriver")?;
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(60)))
            .build()
            .into();
        let said = driver.stdout.take().context("chromedriver has no output")?;
        let mut browser = Self { driver, agent, session: String::new(), _profile: profile };

        // "ChromeDriver was started successfully on port 43001."
        let mut lines = BufReader::new(said).lines();
        let port = loop {
            let line = lines.next().context("chromedriver ended")??;
            let port = line.split_once("successfully on port ");
            if let Some(port) = port.and_then(|(_, rest)| rest.trim_end_matches('.').parse().ok()) {
                break port;
            }
        };
        let port: u16 = port;
        // Root's Chromium has no sandbox. The pages are ours, and no others are visited.
        let data = browser._profile.path().join("data");
        let arguments = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--hide-scrollbars",
            "--no-first-run",
            &format!("--user-data-dir={}", data.display()),
        ];
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "browserName": "chrome",
            "goog:chromeOptions": { "args": arguments },
            "goog:loggingPrefs": { "browser": "ALL" },
        }}});
        let at = format!("http://127.0.0.1:{port}/session");
        let session = browser.ask(&at, &wanted).context("starting chromium")?;
        let id = session["sessionId"].as_str().context("no session")?;
        browser.session = format!("{at}/{id}");
        Ok(browser)
    }

    /// Loads a page, with all that belongs to it.
    pub fn open(&self, address: &str) -> Result<()> {
        self.command("url", json!({ "url": address })).map(drop)
    }

    pub fn address(&self) -> Result<String> {
        let address = self.script("return location.href")?;
        Ok(address.as_str().unwrap_or_default().to_string())
    }

    /// Runs a script in the page; its value.
    pub fn script(&self, script: &str) -> Result<Value> {
        self.command("execute/sync", json!({ "script": script, "args": [] }))
    }

    /// Types into the element that a CSS selector names. It gets the focus.
    pub fn type_into(&self, selector: &str, keys: &str) -> Result<()> {
        let how = json!({ "using": "css selector", "value": selector });
        let found = self.command("element", how)?;
        let id = found.as_object().and_then(|object| object.values().next()?.as_str());
        let id = id.with_context(|| format!("no {selector}"))?;
        self.command(&format!("element/{id}/value"), json!({ "text": keys })).map(drop)
    }

    /// Waits until a script's value is true.
    pub fn wait(&self, what: &str, script: &str) -> Result<()> {
        let since = Instant::now();
        while self.script(script)? != json!(true) {
            ensure!(since.elapsed() < PATIENCE, "{what}: not after {PATIENCE:?}");
            sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    /// Errors that the page's scripts have told, and files that could not be loaded.
    pub fn errors(&self) -> Result<Vec<String>> {
        let log = self.command("se/log", json!({ "type": "browser" }))?;
        let entries = log.as_array().cloned().unwrap_or_default();
        let severe = entries.iter().filter(|entry| entry["level"] == "SEVERE");
        Ok(severe.map(|entry| entry["message"].as_str().unwrap_or("?").to_string()).collect())
    }

    pub fn resize(&self, (width, height): Size) -> Result<()> {
        let metrics =
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.devtools("Emulation.setDeviceMetricsOverride", metrics)
    }

    /// Whether the reader's system prefers light on dark.
    pub fn prefer_dark(&self, dark: bool) -> Result<()> {
        let value = if dark { "dark" } else { "light" };
        let features = json!([{ "name": "prefers-color-scheme", "value": value }]);
        self.devtools("Emulation.setEmulatedMedia", json!({ "features": features }))
    }

    /// What the window shows, as PNG.
    pub fn screenshot(&self) -> Result<Vec<u8>> {
        let at = format!("{}/screenshot", self.session);
        let mut answer = self.agent.get(&at).call()?;
        let answer: Value = serde_json::from_str(&answer.body_mut().read_to_string()?)?;
        Ok(STANDARD.decode(answer["value"].as_str().context("no picture")?)?)
    }

    fn devtools(&self, command: &str, params: Value) -> Result<()> {
        self.command("goog/cdp/execute", json!({ "cmd": command, "params": params })).map(drop)
    }

    fn command(&self, command: &str, body: Value) -> Result<Value> {
        self.ask(&format!("{}/{command}", self.session), &body)
    }

    fn ask(&self, at: &str, body: &Value) -> Result<Value> {
        let request = self.agent.post(at).header("Content-Type", "application/json");
        let mut answer = request.send(body.to_string()).with_context(|| at.to_string())?;
        let answer: Value = serde_json::from_str(&answer.body_mut().read_to_string()?)?;
        let value = &answer["value"];
        if let Some(error) = value["error"].as_str() {
            bail!("{at}: {error}: {}", value["message"].as_str().unwrap_or_default());
        }
        Ok(value.clone())
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // This ends Chromium, and takes as long as that does.
        if !self.session.is_empty() {
            let _ = self.agent.delete(&self.session).call();
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}
