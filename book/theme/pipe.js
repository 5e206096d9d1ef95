/* A pipe, played from a recording: nothing in here knows what a pipe does. See simulator.rs for the other half.

   The arrows go a step back and forward, Home and End to the first and the last. A switch leaves the step where it is. */
"use strict";

(() => {
    /* A new element with a class and what is in it: text, or elements. */
    function element(name, className, ...content) {
        const made = document.createElement(name);
        if (className) made.className = className;
        made.append(...content);
        return made;
    }

    const bold = (value) => element("b", "", String(value));
    const used = (held) => held.reduce((sum, [, , , times]) => sum + times, 0);

    /* What makes one figure alive. */
    function play(figure) {
        const { places, sentences, plays } = JSON.parse(figure.querySelector(".pipe-recording").textContent);
        const find = (name) => figure.querySelector(`.pipe-${name}`);
        const [form, slider, stage, live] = ["switches", "slider", "stage", "live"].map(find);
        let states = chosen();
        let step = 0;

        function chosen() {
            return plays[[...form.querySelectorAll("input:checked")].map((input) => input.value).join(" ")];
        }

        function go(to) {
            const wanted = Math.max(0, Math.min(to, states.length - 1));
            if (wanted !== step) {
                step = wanted;
                draw();
            }
        }

        function draw() {
            const state = states[step];
            stage.replaceChildren(drawn(state));
            slider.max = states.length;
            slider.value = step + 1;
            slider.setAttribute("aria-valuetext", `${step + 1} of ${states.length}: ${state.call} = ${state.result}`);
            find("step").textContent = `${step + 1} of ${states.length}`;
            for (const name of ["first", "back"]) find(name).setAttribute("aria-disabled", step === 0);
            for (const name of ["forward", "last"]) {
                find(name).setAttribute("aria-disabled", step === states.length - 1);
            }
            live.textContent = words(state);
        }

        /* For those who do not see the drawing. */
        function words({ call, result, copied, pipes, sentence }) {
            const full = pipes.map(([name, bytes, slots, held]) =>
                `${name}: ${bytes} bytes in ${used(held)} of ${slots} slots. `);
            return `Step ${step + 1} of ${states.length}. ${call} = ${result}. ${full.join("")}` +
                `Copied so far: ${copied} bytes. ${sentences[sentence]}`;
        }

        function drawn(state) {
            const call = element("samp", "", `${state.call} = `, bold(state.result));
            // As many as there ever are: so nothing jumps.
            const most = Math.max(...states.map(({ pipes }) => pipes.length));
            const pipes = [...Array(most).keys()].map((n) => state.pipes[n] ? pipe(state.pipes[n]) : noPipe(n));
            return element(
                "div", "pipe-state",
                element("p", "pipe-call", call),
                element("p", "pipe-copied", "copied so far: ", bold(state.copied), " bytes"),
                outside(state, true), ...pipes, outside(state, false),
                element("p", "pipe-sentence", sentences[state.sentence]),
            );
        }

        /* The memory outside the pipes, above them or below. */
        function outside(state, above) {
            const held = new Map(state.places);
            const here = places.filter((place) => place.above === above && held.has(place.name));
            return element("div", `pipe-places${above ? "" : " below"}`, ...here.map((place) => {
                const ours = ([, , , held]) => used(held.filter(([, whose]) => whose === place.name));
                const [first, second = 0] = state.pipes.map(ours);
                const slots = (first ?? 0) + second;
                const bytes = held.get(place.name);
                const lit = !above ? (bytes ? " full" : "") : first ? " on near" : slots ? " on" : "";
                const box = element(
                    "div", `pipe-place ${place.what}${lit}`, element("span", "pipe-title", place.title), " ",
                    bold(place.says ? `says ${bytes}` : `${bytes} bytes`),
                );
                if (above) box.append(element("span", "pipe-wire", wire(slots)));
                return box;
            }));
        }

        function wire(slots) {
            if (!slots) return "no slot refers to it";
            return slots === 1 ? "↑ 1 slot refers to it" : `↑ ${slots} slots refer to it`;
        }

        function pipe([name, bytes, slots, held]) {
            const boxes = held.flatMap(([what, whose, bytes, times]) => {
                const kind = ["copy", "left"].includes(whose) ? whose : "refers";
                return Array.from({ length: times }, () =>
                    element("li", `${what} ${kind}`, element("span", "", String(bytes))));
            });
            const text = held.map(contents).join("; ") || "nothing";
            const title = [`${name}: `, bold(bytes), " bytes in ", bold(used(held)), ` of ${slots} slots`];
            return row("", title, boxes, slots, text);
        }

        /* Where a pipe is that this play has at another step. */
        function noPipe(n) {
            const [name, , slots] = states.find(({ pipes }) => pipes[n]).pipes[n];
            return row(" gone", [`${name}: not there`], [], slots, "");
        }

        function row(kind, title, boxes, slots, text) {
            while (boxes.length < slots) boxes.push(element("li", ""));
            const list = element("ol", "pipe-slots", ...boxes);
            list.setAttribute("aria-hidden", "true");
            const name = element("p", "pipe-name", ...title);
            return element("div", `pipe-pipe${kind}`, list, name, element("p", "pipe-held", text));
        }

        function contents([what, whose, bytes, times, says]) {
            const place = places.find(({ name }) => name === whose);
            const from = whose === "left" ? "a page that was left behind" :
                place ? `reference to ${place.title}` : "copy";
            const announced = says === null ? "" : `, says ${says}`;
            return `${what} ${times > 1 ? `${times} × ` : ""}${bytes} bytes${announced}: ${from}`;
        }

        const buttons = {
            first: () => go(0),
            back: () => go(step - 1),
            forward: () => go(step + 1),
            last: () => go(states.length - 1),
        };
        for (const [name, act] of Object.entries(buttons)) find(name).addEventListener("click", act);
        slider.addEventListener("input", () => go(slider.value - 1));
        form.addEventListener("submit", (event) => event.preventDefault());
        form.addEventListener("change", () => {
            states = chosen();
            step = Math.min(step, states.length - 1);
            draw();
        });
        const keys = { Home: "first", ArrowLeft: "back", ArrowRight: "forward", End: "last" };
        figure.addEventListener("keydown", (event) => {
            if (event.altKey || event.ctrlKey || event.metaKey) return;
            // Else mdBook goes to the next chapter.
            if (event.key.startsWith("Arrow")) event.stopPropagation();
            // Switches and the slider have a use of their own for them.
            if (!(event.key in keys) || event.target.matches("input")) return;
            event.preventDefault();
            buttons[keys[event.key]]();
        });
        for (const name of ["first", "back"]) find(name).setAttribute("aria-disabled", "true");
    }

    document.querySelectorAll(".pipe-sim").forEach(play);
})();
