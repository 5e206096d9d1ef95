// A conversation: a request and its reply light together, and a message opens into its bytes.
import assert from "node:assert/strict";

import { none } from "./rig/faults.mjs";

const FILE = "04-hello.html";

export default (book) => [
    ["mouse", (browser) => on(browser, byMouse)],
    ["keyboard", (browser) => on(browser, byKeyboard)],
    ["pairs", (browser) => pairs(browser, book)],
];

async function on(browser, look) {
    none(await browser.visit({ file: FILE }, (page) => look(page, page.locator("figure.conversation").first())));
}

async function byMouse(page, figure) {
    const reply = figure.locator("li.is-reply[data-number]").nth(1);
    const number = await reply.getAttribute("data-number");
    await reply.locator("summary").hover();
    await lit(figure, number);
    const request = figure.locator("li.is-request").first();
    await request.locator("summary").hover();
    await lit(figure, await request.getAttribute("data-number"));
    await page.locator("h1.menu-title").hover();
    await lit(figure, null);

    const message = reply.locator(".message");
    assert.equal(await message.isVisible(), false, "a message is folded away at first");
    await reply.locator("summary").click();
    assert.equal(await message.isVisible(), true, "a click opens it");
    await explores(message);
    await reply.locator("summary").click();
    assert.equal(await message.isVisible(), false, "another click closes it");
}

async function byKeyboard(page, figure) {
    const request = figure.locator("li.is-request").first();
    const number = await request.getAttribute("data-number");
    await request.locator("summary").focus();
    await lit(figure, number);
    await page.keyboard.press("Enter");
    const message = request.locator(".message");
    assert.equal(await message.isVisible(), true, "Enter opens a message");
    await page.keyboard.press("Tab");
    assert.equal(await message.locator(".message-bytes td:focus").count(), 1, "Tab leads into its bytes");
    await page.keyboard.press("ArrowRight");
    assert.ok((await message.locator(".message-bytes td.lit").count()) > 0, "the arrows light its fields");
    await page.keyboard.press("Shift+Tab");
    await page.keyboard.press(" ");
    assert.equal(await message.isVisible(), false, "Space closes it");
    await page.evaluate(() => document.activeElement.blur());
    await lit(figure, null);
}

// Lit are the request and the reply of this number, and nothing else.
async function lit(figure, number) {
    const numbers = await figure.locator(".is-paired").evaluateAll((all) => all.map((e) => `${e.classList[0]} ${e.dataset.number}`));
    const expected = number === null ? [] : [`is-request ${number}`, `is-reply ${number}`];
    assert.deepEqual(numbers.filter((n) => /request|reply/.test(n)), expected);
    assert.equal(numbers.length, expected.length);
}

// What opened is a message as anywhere else in the book: its bytes and fields light each other.
async function explores(message) {
    const length = message.locator("tr[data-field]").first();
    await length.hover();
    assert.equal(await message.locator(".message-bytes td.lit").count(), 4, "len is four bytes");
}

// In every conversation of the book, a reply has a request before it, and only one.
async function pairs(browser, book) {
    const faults = [];
    let replies = 0;
    for (const name of book.chapters.filter((name) => book.html(`${name}.html`).includes('class="conversation"'))) {
        faults.push(...(await browser.visit({ file: `${name}.html` }, async (page) => {
            replies += await page.locator("figure.conversation li.is-reply[data-number]").count();
            return page.evaluate(unpaired);
        })));
    }
    assert.ok(replies > 10, `only ${replies} replies in the book's conversations`);
    none(faults);
}

// Runs inside the page.
function unpaired() {
    return [...document.querySelectorAll("figure.conversation")].flatMap((figure) => {
        const asked = new Set();
        const answered = new Set();
        const faults = [];
        for (const row of figure.querySelectorAll("li.is-request, li.is-reply[data-number]")) {
            const { number } = row.dataset;
            const request = row.matches(".is-request");
            const told = row.querySelector("summary")?.textContent ?? "";
            if (told && !told.includes(`#${number}`)) {
                faults.push(`the row of #${number} tells "${told.slice(0, 60)}"`);
            }
            if (request && asked.has(number)) {
                faults.push(`#${number} is asked twice`);
            } else if (!request && !asked.has(number)) {
                faults.push(`#${number} is answered before it is asked`);
            } else if (!request && answered.has(number)) {
                faults.push(`#${number} is answered twice`);
            }
            (request ? asked : answered).add(number);
        }
        return faults;
    });
}
