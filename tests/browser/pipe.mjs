// The pipe simulator: at every step, under every setting, the drawing says what was recorded.
import assert from "node:assert/strict";

import { none } from "./rig/faults.mjs";

export default (book) => {
    const pages = book.chapters.filter((name) => book.html(`${name}.html`).includes('class="pipe-sim"'));
    assert.ok(pages.length > 0, "no page of the book has a pipe simulator");
    return [
        ...pages.map((name) => [`recorded-${name}`, (browser) => on(browser, name, equalsRecording)]),
        ["mouse", (browser) => on(browser, pages[0], byMouse)],
        ["keyboard", (browser) => on(browser, pages[0], byKeyboard)],
    ];
};

async function on(browser, name, look) {
    none(await browser.visit({ file: `${name}.html` }, (page) => look(page, page.locator(".pipe-sim").first())));
}

async function equalsRecording(page) {
    const { faults, steps } = await page.evaluate(playAll);
    assert.ok(steps > 20, `only ${steps} steps`);
    return faults;
}

// Runs inside the page: each setting of the switches, each step; forward all the way, and back.
function playAll() {
    const faults = [];
    let steps = 0;
    for (const figure of document.querySelectorAll(".pipe-sim")) {
        const { plays, sentences } = JSON.parse(figure.querySelector(".pipe-recording").textContent);
        const groups = [...figure.querySelectorAll(".pipe-switches fieldset")].map((set) => [...set.querySelectorAll("input")]);
        const reached = new Set();
        for (const settings of combinations(groups)) {
            settings.forEach((input) => input.click());
            const key = settings.map((input) => input.value).join(" ");
            reached.add(key);
            const states = plays[key];
            figure.querySelector(".pipe-first").click();
            states.forEach((state, n) => {
                compare(figure, `${key}, step ${n + 1}`, state, n, states.length, sentences);
                figure.querySelector(".pipe-forward").click();
            });
            // Forward at the end stays there.
            for (const [n, state] of [...states.entries()].reverse()) {
                compare(figure, `${key}, back at step ${n + 1}`, state, n, states.length, sentences);
                figure.querySelector(".pipe-back").click();
            }
        }
        faults.push(...Object.keys(plays).filter((key) => !reached.has(key)).map((key) => `no switch leads to "${key}"`));
    }
    return { faults, steps };

    function combinations([first, ...rest]) {
        return first ? first.flatMap((input) => combinations(rest).map((others) => [input, ...others])) : [[]];
    }

    function compare(figure, where, state, n, count, sentences) {
        steps += 1;
        const drawn = figure.querySelector(".pipe-stage .pipe-state");
        const text = (selector) => drawn.querySelector(selector).textContent.trim();
        const same = (what, is, recorded) => {
            if (is !== recorded) faults.push(`${where}: ${what} is "${is}", recorded was "${recorded}"`);
        };
        same("the call", text(".pipe-call"), `${state.call} = ${state.result}`);
        same("what was copied", text(".pipe-copied").match(/\d+/)[0], String(state.copied));
        same("the sentence", text(".pipe-sentence"), sentences[state.sentence]);
        same("the step", figure.querySelector(".pipe-step").textContent, `${n + 1} of ${count}`);
        const pipes = [...drawn.querySelectorAll(".pipe-pipe:not(.gone)")];
        same("the number of pipes", pipes.length, state.pipes.length);
        state.pipes.forEach(([name, bytes, slots, held], i) => {
            if (!pipes[i]) return;
            const boxes = [...pipes[i].querySelectorAll(".pipe-slots li")];
            const full = held.flatMap(([what, whose, bytes, times]) => Array(times).fill(`${what} ${["copy", "left"].includes(whose) ? whose : "refers"} ${bytes}`));
            same("a pipe", pipes[i].querySelector(".pipe-name").textContent, `${name}: ${bytes} bytes in ${full.length} of ${slots} slots`);
            same("the number of slots", boxes.length, slots);
            same("the slots", boxes.filter((li) => li.textContent).map((li) => `${li.className} ${li.textContent}`).join(", "), full.join(", "));
        });
        for (const [name, value] of state.places) {
            const { title } = JSON.parse(figure.querySelector(".pipe-recording").textContent).places.find((place) => place.name === name);
            const place = [...drawn.querySelectorAll(".pipe-place")].find((e) => e.querySelector(".pipe-title").textContent === title);
            same(title, place?.querySelector("b").textContent.match(/\d+/)?.[0], String(value));
        }
    }
}

async function byMouse(page, figure) {
    const step = () => figure.locator(".pipe-step").innerText();
    const stage = () => figure.locator(".pipe-stage").innerText();
    const press = (name) => figure.locator(`.pipe-${name}`).click();
    const first = await stage();
    const count = Number((await step()).split(" of ")[1]);
    await press("forward");
    assert.equal(await step(), `2 of ${count}`);
    const second = await stage();
    assert.notEqual(second, first, "a step forward changes the drawing");
    await press("back");
    assert.equal(await stage(), first, "a step back leads where one was");
    await press("last");
    assert.equal(await step(), `${count} of ${count}`);
    // It says that there is nothing more; playwright would wait until there is.
    await figure.locator(".pipe-forward").click({ force: true });
    assert.equal(await step(), `${count} of ${count}`);
    await press("first");
    assert.equal(await stage(), first);

    // A switch changes what is drawn, and leaves the step where it is.
    await press("forward");
    const slots = figure.locator(".pipe-slots").first().locator("li");
    assert.equal(await slots.count(), 16);
    await figure.getByLabel("64", { exact: true }).click();
    assert.equal(await slots.count(), 64);
    assert.match(await step(), /^2 of /);
}

async function byKeyboard(page, figure) {
    const address = page.url();
    const step = async () => Number((await figure.locator(".pipe-step").innerText()).split(" ")[0]);
    const count = Number((await figure.locator(".pipe-step").innerText()).split(" of ")[1]);
    const go = async (key, to) => {
        await page.keyboard.press(key);
        assert.equal(await step(), to, `the step that ${key} leads to`);
        assert.match(await figure.locator(".pipe-live").innerText(), new RegExp(`^Step ${to} of ${count}\\.`), "it is told in words");
    };
    await figure.locator(".pipe-forward").focus();
    await go("Enter", 2);
    await go(" ", 3);
    await go("ArrowLeft", 2);
    await go("ArrowRight", 3);
    await go("End", count);
    await go("Home", 1);
    await figure.locator(".pipe-slider").focus();
    await go("ArrowRight", 2);
    await go("End", count);
    await go("Home", 1);
    const chosen = () => figure.locator("input:checked").evaluateAll((all) => all.map((input) => input.value).join(" "));
    const before = await chosen();
    await figure.locator("input[type=radio]").first().focus();
    await page.keyboard.press("ArrowRight");
    assert.notEqual(await chosen(), before, "an arrow turns the switch that has the focus");
    assert.equal(page.url(), address, "the arrows belong to the simulator, and mdBook turns no page");
}
