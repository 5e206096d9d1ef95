/* A message as bytes and as fields: pointing at one half lights the other. See explorer.rs for the tables.

   The keyboard has one stop in the bytes and one in the fields. The arrows move by byte and row, or by field; Home and End go to
   the ends of a row (with Ctrl: of the message), or to the first field and the last; Escape puts the light out. */
"use strict";

(() => {
    /* What makes one figure alive. */
    function explore(message) {
        const bytes = [...message.querySelectorAll(".message-bytes td[data-field]")];
        const rows = [...message.querySelectorAll(".message-fields tr[data-field]")];
        const names = rows.map((row) => row.querySelector("th"));
        const says = message.querySelector(".message-says");
        const hint = says.textContent;
        let lit = null;

        /* Lights a field; `at` is the byte that was pointed at. */
        function light(field, at) {
            clear();
            lit = field;
            const ours = (element) => element.dataset.field === field;
            bytes.filter(ours).forEach((byte) => byte.classList.add("lit"));
            rows.filter(ours).forEach((row) => row.classList.add("lit"));
            const row = rows.find(ours);
            if (row) say(words(row, at));
        }

        function clear() {
            message.querySelectorAll(".lit").forEach((element) => element.classList.remove("lit"));
            lit = null;
        }

        /* The same text again would be read aloud again. */
        function say(text) {
            if (says.textContent !== text) says.textContent = text;
        }

        function putOut() {
            clear();
            say(hint);
        }

        /* `opcode in fuse_in_header: 26, INIT: …` */
        function words(row, at) {
            const text = (selector) => row.querySelector(selector).innerText.trim();
            const [offset, size, type] = [...row.cells].slice(0, 3).map((cell) => cell.textContent);
            const part = row.parentElement.querySelector(".message-part th");
            const hex = bytes.filter((byte) => byte.dataset.field === row.dataset.field);
            const shown = hex.slice(0, 8).map((byte) => byte.textContent).join(" ") + (Number(size) > 8 ? " …" : "");
            const meaning = text(".meaning").replace(/\n/g, "; ");
            const count = size === "1" ? "1 byte" : `${size} bytes`;
            const which = at === undefined || size === "1" ? "" : ` This is byte ${at - Number(offset) + 1} of ${size}.`;
            return `${text("th")}${part ? ` in ${part.firstChild.textContent.trim()}` : ""}: ${text(".value")}` +
                `${meaning ? `, ${meaning}` : ""}. Type ${type}, ${count} at offset ${offset}: ${shown}.${which}`;
        }

        /* The offset of a byte: that of its row, which stands before it, and its place in the row. */
        function offset(byte) {
            const row = byte.parentElement;
            return Number(row.cells[0].textContent) + [...row.querySelectorAll("td")].indexOf(byte);
        }

        function lightByte(byte) {
            light(byte.dataset.field, offset(byte));
        }

        /* Moves a table's one stop to an element. */
        function stop(all, element) {
            all.forEach((other) => other.setAttribute("tabindex", other === element ? "0" : "-1"));
        }

        /* When one half has the keyboard, the other's stop is where its light is. */
        function follow(field) {
            if (!message.querySelector(".message-bytes").contains(document.activeElement)) {
                stop(bytes, bytes.find((byte) => byte.dataset.field === field) ?? bytes[0]);
            }
            if (!message.querySelector(".message-fields").contains(document.activeElement)) {
                stop(names, names[rows.findIndex((row) => row.dataset.field === field)] ?? names[0]);
            }
        }

        /* The index to go to from `from`, or undefined when the key is none of ours. */
        function step(key, from, count, row) {
            const first = from - (from % row);
            const to = {
                ArrowLeft: from - 1,
                ArrowRight: from + 1,
                ArrowUp: from - row,
                ArrowDown: from + row,
                Home: first,
                End: Math.min(first + row, count) - 1,
            }[key];
            return to === undefined ? undefined : to >= 0 && to < count ? to : from;
        }

        message.addEventListener("keydown", (event) => {
            if (event.altKey || event.metaKey) return;
            if (event.key === "Escape" && lit !== null) {
                putOut();
                event.preventDefault();
                return;
            }
            const inBytes = bytes.indexOf(event.target);
            const inNames = names.indexOf(event.target);
            if (inBytes < 0 && inNames < 0) return;
            const all = inBytes < 0 ? names : bytes;
            /* mdBook would turn the page. */
            if (event.key.startsWith("Arrow")) event.stopPropagation();
            if (all === names && (event.key === "ArrowLeft" || event.key === "ArrowRight")) return;
            const ends = event.key === "Home" || event.key === "End";
            const half = message.querySelector(".message-bytes .half");
            const narrow = half !== null && getComputedStyle(half).display !== "none";
            const row = all === names ? 1 : narrow ? 8 : 16;
            const whole = ends && (all === names || event.ctrlKey);
            const to = step(event.key, Math.max(inBytes, inNames), all.length, whole ? all.length : row);
            if (to === undefined || (event.ctrlKey && !ends)) return;
            event.preventDefault();
            stop(all, all[to]);
            all[to].focus();
            /* Focus does not move when it was there already, and the light may be out. */
            show(all[to]);
        });

        function show(element) {
            const byte = element.closest(".message-bytes td[data-field]");
            const row = element.closest(".message-fields tr[data-field]");
            if (byte) lightByte(byte);
            else if (row) light(row.dataset.field);
            return byte ?? row;
        }

        message.addEventListener("focusin", (event) => {
            const shown = show(event.target);
            if (shown) follow(shown.dataset.field);
        });
        message.addEventListener("focusout", (event) => {
            if (!message.contains(event.relatedTarget)) putOut();
        });
        message.addEventListener("pointerover", (event) => show(event.target));
        message.addEventListener("pointerleave", () => {
            const focused = message.contains(document.activeElement) && show(document.activeElement);
            if (!focused) putOut();
        });
        message.addEventListener("click", (event) => {
            const byte = event.target.closest(".message-bytes td[data-field]");
            const name = event.target.closest(".message-fields tr[data-field]")?.querySelector("th");
            if (!byte && !name) return;
            stop(byte ? bytes : names, byte ?? name);
            (byte ?? name).focus({ preventScroll: true });
        });

        message.querySelectorAll("table").forEach((table) => table.setAttribute("role", "grid"));
        stop(bytes, bytes[0]);
        stop(names, names[0]);
    }

    document.querySelectorAll(".message").forEach(explore);
})();
