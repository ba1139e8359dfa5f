'use strict';
// Search in Chinese. mdBook's index is of words between spaces, and Chinese has none between words.
// The index carries the whole text too: where the page is Chinese, what is looked for is looked for
// in that, as it stands. The book is small enough for it.

(function chineseSearch() {
    // mdBook lists this script at the end of a page, where it may come after the index; so head.hbs
    // has it too.
    if (document.documentElement.lang !== 'zh-CN' || window.search) {
        return;
    }
    const BEFORE = 30, AFTER = 90;

    class Text {
        constructor(docs) {
            this.docs = Object.entries(docs).map(([ref, doc]) => ({
                ref,
                doc,
                title: doc.title.toLowerCase(),
                body: doc.body.toLowerCase(),
                breadcrumbs: doc.breadcrumbs.toLowerCase(),
            }));
        }

        // As elasticlunr's: those that hold all the terms, best first.
        search(query) {
            const terms = query.toLowerCase().split(/\s+/).filter(term => term);
            return this.docs
                .map(entry => ({ entry, score: score(entry, terms) }))
                .filter(({ score }) => score > 0)
                .sort((a, b) => b.score - a.score)
                .map(({ entry, score }) => ({ ref: entry.ref, score, doc: shown(entry, terms) }));
        }
    }

    // 0 if a term is missing.
    function score(entry, terms) {
        let sum = 0;
        for (const term of terms) {
            const one = 20 * entry.title.includes(term) + 5 * entry.breadcrumbs.includes(term)
                + Math.min(10, entry.body.split(term).length - 1);
            if (one === 0) {
                return 0;
            }
            sum += one;
        }
        return sum;
    }

    // With the part of its text where the first term is. mdBook marks words that begin with a term,
    // so the terms become words.
    function shown({ doc, body }, terms) {
        const first = Math.max(0, body.indexOf(terms[0]));
        const begin = Math.max(0, first - BEFORE);
        let part = doc.body.slice(begin, first + AFTER);
        for (const term of terms) {
            const literal = term.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
            part = part.replace(new RegExp(literal, 'gi'), ' $& ');
        }
        const more = begin + BEFORE + AFTER < doc.body.length;
        return { ...doc, body: (begin > 0 ? '…' : '') + part + (more ? '…' : '') };
    }

    // mdBook puts the index here when it has come, and then has elasticlunr load it.
    window.search = {
        set index(stored) {
            window.elasticlunr.Index.load = () => new Text(stored.documentStore.docs);
        },
    };
})();
