// What a page looks like from inside: run in the page, this returns an object that `look.rs` reads.

const root = new URL('/', location.href).href;
const main = document.querySelector('main');
const all = (selector, within = document) => [...within.querySelectorAll(selector)];
const path = address => new URL(address).pathname.slice(1);

// Where an element is, for people.
const name = element => {
    const text = (element.textContent || '').trim().replace(/\s+/g, ' ').slice(0, 60);
    return `<${element.tagName.toLowerCase()}> ${text}`;
};

// Elements that stick out at the right, of the window or of the text, and that nothing around them
// lets scroll by themselves. (mdBook lets the whole text scroll, which is what nobody wants to do.)
const wide = () => {
    const edge = Math.min(innerWidth, main.getBoundingClientRect().right) + 1;
    const held = element => {
        for (let at = element.parentElement; at && at !== main; at = at.parentElement) {
            if (getComputedStyle(at).overflowX !== 'visible') {
                return true;
            }
        }
        return false;
    };
    const out = all('*', main).filter(e => e.getBoundingClientRect().right > edge && !held(e)).map(name);
    if (document.scrollingElement.scrollWidth > innerWidth) {
        out.push(`the page, ${document.scrollingElement.scrollWidth} pixels`);
    }
    return out;
};

// Text of figures that hardly differs from what is behind it. See WCAG 2.2, "contrast ratio".
const colour = text => (text.match(/[\d.]+/g) || []).map(Number);
const luminance = rgb => {
    const [r, g, b] = rgb.map(c => c / 255).map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const faint = theme => {
    document.documentElement.classList.remove('light', 'navy');
    document.documentElement.classList.add(theme);
    const back = colour(getComputedStyle(document.documentElement).backgroundColor).slice(0, 3);
    return all('svg text', main).filter(text => {
        const style = getComputedStyle(text);
        const [r, g, b, alpha = 1] = colour(style.fill);
        let opacity = alpha * style.fillOpacity;
        for (let at = text; at !== main; at = at.parentElement) {
            opacity *= getComputedStyle(at).opacity;
        }
        const front = [r, g, b].map((c, i) => c * opacity + back[i] * (1 - opacity));
        const [dark, light] = [luminance(front), luminance(back)].sort((a, b) => a - b);
        return (light + 0.05) / (dark + 0.05) < 4.5;
    }).map(text => `${theme}: ${name(text)}`);
};

const switcher = document.getElementById('language');
return {
    language: document.documentElement.lang,
    title: document.title,
    ids: all('[id]').map(element => element.id),
    // But for the page's own, which nothing leads to.
    headings: all('h2, h3, h4, h5, h6', main).map(heading => heading.id).filter(id => id),
    // Within the site, without what search adds.
    links: all('a[href]').map(a => a.href).filter(href => href.startsWith(root))
        .map(href => [path(href), decodeURIComponent(new URL(href).hash.slice(1))]),
    pictures: all('img', main).filter(image => image.complete && !image.naturalWidth).map(image => path(image.src)),
    wide: wide(),
    faint: ['light', 'navy'].flatMap(faint),
    other: switcher && {
        path: path(switcher.href),
        language: switcher.hreflang,
        reachable: switcher.tabIndex >= 0 && switcher.getClientRects().length > 0 && switcher.textContent.trim() !== '',
    },
};
