// The tests of the book in a real browser. `cargo xtask book-test` starts this with all it needs:
//
//   node --test-reporter rig/report.mjs rig/run.mjs --html DIR --modules DIR --chromium PROGRAM
//       [--shots DIR] [--filter TEXT]
//
// Exit status: 0 all passed, 1 a test failed, 2 there is no verdict. A fault of the rig is one of
// the last kind; so the rig's modules are imported where it can be caught.
import { readdirSync } from "node:fs";
import { test } from "node:test";
import { parseArgs } from "node:util";

// The machine may be busy with other things: a test that hangs ends, one that is slow does not.
const TIMEOUT = 600_000;

const option = { type: "string" };
const { values } = parseArgs({
    options: { html: option, modules: option, chromium: option, shots: option, filter: option },
});
try {
    await run(values);
} catch (error) {
    console.error(`\nthe browser tests have no verdict: ${error.stack ?? error}`);
    process.exit(2);
}

async function run({ html, modules, chromium, shots, filter = "" }) {
    const { Book } = await import("./book.mjs");
    const { Browser } = await import("./browser.mjs");
    const book = new Book(html);
    const all = await suites(book);
    const wanted = all
        .map(([suite, tests]) => [suite, tests.filter(([name]) => `${suite}/${name}`.includes(filter))])
        .filter(([, tests]) => tests.length > 0);
    if (wanted.length === 0) {
        const names = all.flatMap(([suite, tests]) => tests.map(([name]) => `${suite}/${name}`));
        throw new Error(`no test has "${filter}" in its name. The tests: ${names.join(", ")}`);
    }
    const browser = await Browser.start({ modules, chromium, book, shots });
    for (const [suite, tests] of wanted) {
        await test(suite, { concurrency: 2 }, (t) =>
            Promise.all(tests.map(([name, body]) => t.test(name, { timeout: TIMEOUT }, () => body(browser)))),
        );
    }
    await browser.close();
}

// Each file beside the rig is a suite. Its default export takes the book and gives its tests:
// pairs of a name, and a function that takes the browser.
async function suites(book) {
    const dir = new URL("../", import.meta.url);
    const files = readdirSync(dir).filter((file) => file.endsWith(".mjs")).sort();
    return Promise.all(
        files.map(async (file) => {
            const module = await import(new URL(file, dir));
            return [file.replace(".mjs", ""), module.default(book)];
        }),
    );
}
