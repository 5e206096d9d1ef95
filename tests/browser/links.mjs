// Does everything that a page refers to exist? Read from the files, without a browser.
import { posix } from "node:path";

import { none } from "./rig/faults.mjs";
import { elements, references } from "./rig/html.mjs";

// Its links start at the root of the server that shows it.
const NOT_FROM_FILES = ["404.html"];

// mdBook's search bar is described by an id of an older mdBook; theme/access.js puts that right.
const MENDED = "#searchresults-header";

export default (book) => {
    const pages = book.files.filter((file) => file.endsWith(".html") && !NOT_FROM_FILES.includes(file));
    const ids = new Map(pages.map((file) => [file, idsOf(book.html(file))]));
    return pages.map((file) => [file.replace(/\.html$/, ""), () => none(faults(book, ids, file))]);
};

function faults(book, ids, file) {
    const found = [];
    for (const { tag, attribute, to } of references(book.html(file))) {
        if (to === MENDED) {
            continue;
        }
        const what = `<${tag} ${attribute}="${to}">`;
        if (/^(https?|mailto|data):/.test(to)) {
            // A link may lead out of the book. What a page loads may not come from there.
            if (tag !== "a" && !to.startsWith("data:")) {
                found.push(`${what} comes from outside the book`);
            }
            continue;
        }
        const [path, fragment] = to.split("#");
        const target = path ? posix.join(posix.dirname(file), decodeURIComponent(path)) : file;
        if (!book.files.includes(target)) {
            found.push(`${what}: there is no ${target}`);
        } else if (fragment && !ids.get(target)?.has(decodeURIComponent(fragment))) {
            found.push(`${what}: ${target} has nothing with this id`);
        }
    }
    // Of two with one id, a link finds the first. mdBook's page of all chapters has many.
    if (file !== "print.html") {
        const twice = [...ids.get(file)].filter(([, count]) => count > 1).map(([id]) => id);
        found.push(...twice.map((id) => `more than one element has the id "${id}"`));
    }
    return found;
}

// How often each id is there.
function idsOf(html) {
    const ids = new Map();
    for (const { attributes } of elements(html)) {
        const id = attributes.get("id");
        if (id) {
            ids.set(id, (ids.get(id) ?? 0) + 1);
        }
    }
    return ids;
}
