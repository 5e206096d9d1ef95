// A message's bytes and its fields: each lights the other, by mouse and by keyboard.
import assert from "node:assert/strict";

import { none } from "./rig/faults.mjs";

// The first message that is not folded away on a page that has several.
const FILE = "02-wire.html";
const OPEN = ".message:not(details:not([open]) *)";

export default (book) => [
    ["mouse", (browser) => on(browser, 1440, byMouse)],
    ["keyboard-wide", (browser) => on(browser, 1440, (page, message) => byKeyboard(page, message, 16))],
    ["keyboard-narrow", (browser) => on(browser, 390, (page, message) => byKeyboard(page, message, 8))],
    ["every-message", (browser) => every(browser, book)],
];

async function on(browser, width, look) {
    none(await browser.visit({ file: FILE, width }, (page) => look(page, page.locator(OPEN).first())));
}

async function byMouse(page, message) {
    const hint = await says(message);
    const opcode = row(message, "opcode");
    await message.locator(".message-bytes td[data-field]").nth(5).hover();
    await shows(message, opcode, "This is byte 2 of 4.");

    const unique = row(message, "unique");
    await unique.hover();
    await shows(message, unique);

    await message.locator(".message-bytes td[data-field]").nth(5).click();
    await page.locator("h1.menu-title").hover();
    // It was clicked, so it has the keyboard, and its light stays.
    await shows(message, opcode);
    await page.keyboard.press("Escape");
    await dark(message, hint);

    await unique.hover();
    await page.evaluate(() => document.activeElement.blur());
    await page.locator("h1.menu-title").hover();
    await dark(message, hint);
}

async function byKeyboard(page, message, across) {
    const hint = await says(message);
    const address = page.url();
    const bytes = message.locator(".message-bytes td[data-field]");
    const count = await bytes.count();
    const at = () => bytes.evaluateAll((all) => all.indexOf(document.activeElement));
    const press = async (key, where) => {
        await page.keyboard.press(key);
        assert.equal(await at(), where, `the byte that ${key} leads to`);
        const field = await bytes.nth(where).getAttribute("data-field");
        await shows(message, message.locator(`tr[data-field="${field}"]`));
    };
    // With Tab, as a reader comes to it: from the last stop before the bytes.
    await tabTo(page, message, ".message-bytes");
    assert.equal(await at(), 0, "Tab leads to the first byte");
    await press("ArrowRight", 1);
    await press("ArrowDown", 1 + across);
    await press("ArrowLeft", across);
    await press("ArrowUp", 0);
    await press("ArrowLeft", 0);
    await press("End", across - 1);
    await press("Home", 0);
    await press("Control+End", count - 1);
    await press("Control+Home", 0);
    await press("ArrowDown", across);
    await page.keyboard.press("Escape");
    await dark(message, hint);
    await press("ArrowRight", across + 1);

    // The fields have one stop too, and it is where the light is.
    await tabTo(page, message, ".message-fields");
    const lit = message.locator(`tr[data-field="${await bytes.nth(across + 1).getAttribute("data-field")}"]`);
    assert.equal(await focusedField(message), await lit.locator("th").innerText());
    const names = await message.locator("tr[data-field] th").allInnerTexts();
    for (const [key, name] of [["Home", names[0]], ["ArrowDown", names[1]], ["End", names.at(-1)], ["ArrowUp", names.at(-2)]]) {
        await page.keyboard.press(key);
        assert.equal(await focusedField(message), name, `the field that ${key} leads to`);
        await shows(message, message.locator("tr[data-field]").nth(names.lastIndexOf(name)));
    }
    assert.equal(page.url(), address, "the arrows belong to the message, and mdBook turns no page");
}

// On every page: the bytes of a field are as many as it says, at the offset that it says. Only of a
// long payload, which comes last, the end is not printed.
async function every(browser, book) {
    const faults = [];
    let messages = 0;
    for (const name of book.chapters.filter((name) => book.html(`${name}.html`).includes('class="message"'))) {
        const visit = { file: `${name}.html` };
        faults.push(...(await browser.visit(visit, async (page) => {
            messages += await page.locator(".message").count();
            return page.evaluate(disagreements);
        })));
    }
    assert.ok(messages > 100, `only ${messages} messages in the book`);
    none(faults);
}

// Runs inside the page.
function disagreements() {
    return [...document.querySelectorAll(".message")].flatMap((message, n) => {
        const bytes = [...message.querySelectorAll(".message-bytes td[data-field]")];
        const rows = [...message.querySelectorAll(".message-fields tr[data-field]")];
        const whole = Number(message.querySelector(".message-size").textContent.replaceAll(",", "").match(/\d+/)[0]);
        const ends = Math.max(...rows.map((row) => Number(row.cells[0].textContent) + Number(row.cells[1].textContent)));
        const faults = ends === whole ? [] : [`the fields end at ${ends}, the message at ${whole}`];
        if (bytes.length < whole && !(bytes.at(-1).matches(".fuse-payload") && bytes.length > 96)) {
            faults.push(`${bytes.length} bytes are printed, of ${whole}`);
        }
        for (const row of rows) {
            const [offset, size] = [...row.cells].slice(0, 2).map((cell) => Number(cell.textContent));
            const own = bytes.map((byte, at) => (byte.dataset.field === row.dataset.field ? at : -1)).filter((at) => at >= 0);
            const printed = Math.min(size, bytes.length - offset);
            if (own.length !== printed || (size > 0 && (own[0] !== offset || own.at(-1) !== offset + printed - 1))) {
                faults.push(`${row.querySelector("th").textContent}: ${printed} bytes at ${offset}, and lit are ${own.length} from ${own[0]}`);
            }
        }
        const named = new Set(rows.map((row) => row.dataset.field));
        const nameless = bytes.filter((byte) => !named.has(byte.dataset.field)).length;
        return [...faults, ...(nameless ? [`${nameless} bytes without a field`] : [])].map((fault) => `message ${n + 1}: ${fault}`);
    });
}

const row = (message, field) => message.locator("tr[data-field]").filter({ has: message.page().locator(`th:text-is("${field}")`) }).first();
const says = (message) => message.locator(".message-says").innerText();
const focusedField = (message) => message.locator(".message-fields th:focus").innerText();

// Lit are one field, its bytes, and nothing else; and it is told in words.
async function shows(message, row, also = "") {
    const field = await row.getAttribute("data-field");
    const lit = await message.locator(".lit").evaluateAll((all) => all.map((e) => [e.localName, e.dataset.field]));
    assert.ok(lit.every(([, of]) => of === field), `lit is field ${field} alone, not ${JSON.stringify(lit)}`);
    const [size, name, value] = await row.evaluate((r) => [r.cells[1], r.querySelector("th"), r.querySelector(".value")].map((c) => c.innerText));
    assert.equal(lit.filter(([element]) => element === "td").length, Number(size), `as many bytes as ${name} has`);
    assert.equal(lit.filter(([element]) => element === "tr").length, 1, `the row of ${name}`);
    const words = await says(message);
    assert.ok(words.startsWith(name) && words.includes(value) && words.includes(also), `"${words}" tells ${name}, ${value} ${also}`);
}

async function dark(message, hint) {
    assert.equal(await message.locator(".lit").count(), 0, "the light is out");
    assert.equal(await says(message), hint);
}

// Presses Tab until the focus is in a part of the message.
async function tabTo(page, message, part) {
    const inside = () => message.evaluate((m, part) => m.querySelector(part).contains(document.activeElement), part);
    if (part === ".message-bytes") {
        await message.evaluate((m) => {
            const before = [...document.querySelectorAll("main a")].filter((a) => a.compareDocumentPosition(m) & Node.DOCUMENT_POSITION_FOLLOWING && !a.contains(m));
            before.filter((a) => a.checkVisibility()).at(-1).focus();
        });
    }
    for (let i = 0; i < 12; i += 1) {
        await page.keyboard.press("Tab");
        if (await inside()) {
            return;
        }
    }
    assert.fail(`Tab does not lead to ${part}`);
}
