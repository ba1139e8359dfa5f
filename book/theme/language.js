'use strict';
// The other language: a link to this page in it, and, where this page is Chinese, Chinese words on
// what mdBook itself puts around a page.

(function otherLanguage() {
    const link = document.getElementById('language');
    const bar = document.querySelector('#mdbook-menu-bar .right-buttons');
    if (!link || !bar) {
        return;
    }
    bar.prepend(link);
    // Both languages have the same pages below their roots, and the same ids of headings.
    const page = () => {
        const here = new URL('.', new URL(path_to_root + 'x', location.href));
        const there = new URL('.', link.dataset.root);
        return there.href + location.href.slice(here.href.length).replace(/\?[^#]*/, '');
    };
    link.dataset.root = link.href;
    link.href = page();
    window.addEventListener('hashchange', () => {
        link.href = page();
    });
})();

(function chineseWords() {
    if (document.documentElement.lang !== 'zh-CN') {
        return;
    }
    const words = {
        'Auto': '自动',
        'Light': '浅色',
        'Change theme': '更换主题',
        'Themes': '主题',
        'Toggle Table of Contents': '显示或隐藏目录',
        'Table of contents': '目录',
        'Search (`/`)': '搜索（`/`）',
        'Toggle Searchbar': '显示或隐藏搜索栏',
        'Search this book ...': '在本书中搜索……',
        'Search Result Teaser': '搜索结果摘要',
        'Print this book': '打印本书',
        'Page navigation': '翻页',
        'Previous chapter': '上一章',
        'Next chapter': '下一章',
        'Keyboard shortcuts': '快捷键',
        'Press': '按',
        'or': '或',
        'to navigate between chapters': '切换章节',
        'to search in the book': '在书中搜索',
        'to show this help': '显示此帮助',
        'to hide this help': '关闭此帮助',
        'Copy to clipboard': '复制到剪贴板',
        'Copied!': '已复制！',
        'Show hidden lines': '显示隐藏的行',
        'Hide lines': '隐藏这些行',
        'Solution': '答案',
    };
    const translate = root => {
        const texts = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
        for (let node = texts.nextNode(); node; node = texts.nextNode()) {
            const word = words[node.data.trim()];
            if (word) {
                node.data = node.data.replace(node.data.trim(), word);
            }
        }
        for (const element of [root, ...root.querySelectorAll('*')]) {
            for (const name of ['title', 'aria-label', 'placeholder']) {
                const word = words[element.getAttribute(name)];
                if (word) {
                    element.setAttribute(name, word);
                }
            }
        }
    };
    const around = '#mdbook-help-container, #mdbook-sidebar, #mdbook-menu-bar, #mdbook-search-wrapper, '
        + '.nav-wrapper, .nav-wide-wrapper, main button, main summary';
    document.querySelectorAll(around).forEach(translate);

    // `3 search results for 'x':`
    const header = document.getElementById('mdbook-searchresults-header');
    if (header) {
        const translateHeader = () => {
            const [, number, term] = /^(\d+|No) search results? for '(.*)'[:.]$/s.exec(header.textContent) || [];
            if (number) {
                header.textContent = number === 'No' ? `没有找到“${term}”。` : `“${term}”的搜索结果：${number} 条`;
            }
        };
        translateHeader();
        new MutationObserver(translateHeader).observe(header, { childList: true });
    }
})();
