// The built book: which pages it has.
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

// mdBook's own: the first chapter again, the table of contents, all chapters in one, and the page
// of a server for what it does not have, whose links start at that server's root.
const OWN = ["index.html", "toc.html", "print.html", "404.html"];

export class Book {
    constructor(dir) {
        this.dir = dir;
        // All files, as paths from the book's root.
        this.files = filesBelow(dir);
        // The chapters, in the order of the table of contents, without ".html".
        this.chapters = chapters(this.html("toc.html"));
    }

    html(file) {
        return readFileSync(join(this.dir, file), "utf8");
    }

    url(file) {
        return pathToFileURL(join(this.dir, file)).href;
    }

    // What is wrong with the list of chapters itself.
    faults() {
        const pages = this.files.filter((file) => file.endsWith(".html") && !OWN.includes(file));
        const forgotten = pages.filter((file) => !this.chapters.includes(file.replace(/\.html$/, "")));
        const missing = this.chapters.filter((name) => !existsSync(join(this.dir, `${name}.html`)));
        return [
            ...forgotten.map((file) => `${file} is not in the table of contents`),
            ...missing.map((name) => `${name}.html is in the table of contents, and not in the book`),
        ];
    }
}

function filesBelow(dir, prefix = "") {
    return readdirSync(join(dir, prefix), { withFileTypes: true }).flatMap((entry) => {
        const path = prefix + entry.name;
        return entry.isDirectory() ? filesBelow(dir, `${path}/`) : [path];
    });
}

function chapters(toc) {
    const links = [...toc.matchAll(/<a href="([^"#]+)\.html"/g)].map((link) => link[1]);
    if (links.length === 0) {
        throw new Error("toc.html has no links to chapters: has mdBook changed its form?");
    }
    return [...new Set(links)];
}
