// What node's test runner tells, as a line for each test, in words for people.
const BAD = "\x1b[31mFAILED\x1b[0m";
const colour = process.stdout.isTTY;

export default async function* report(events) {
    const suites = [];
    const failed = [];
    let count = 0;
    for await (const { type, data } of events) {
        // A suite begins when its first test does.
        if (type === "test:start" && data.nesting === 0) {
            suites.push(data.name);
            yield `\n${data.name}\n`;
        }
        if (type === "test:stderr" || type === "test:stdout") {
            yield data.message;
        }
        if (type !== "test:pass" && type !== "test:fail") {
            continue;
        }
        const error = data.details?.error;
        // A suite fails with its tests, which have told why.
        if (data.nesting === 0 && (type === "test:pass" || error?.failureType === "subtestsFailed")) {
            continue;
        }
        count += 1;
        const seconds = `${((data.details?.duration_ms ?? 0) / 1000).toFixed(1)} s`.padStart(7);
        if (type === "test:pass") {
            yield `  ok     ${seconds}  ${data.name}\n`;
            continue;
        }
        failed.push(`${suites.at(-1)}/${data.name}`);
        yield `  ${colour ? BAD : "FAILED"} ${seconds}  ${data.name}\n${indented(reason(error))}\n`;
    }
    if (failed.length > 0) {
        yield `\n${failed.length} of ${count} tests failed:\n${indented(failed.join("\n"))}\n`;
    } else if (count > 0) {
        yield `\n${count} tests passed\n`;
    }
}

// What a test found is told by its message; where something else went wrong, the stack says where.
function reason(error) {
    const cause = error?.cause ?? error;
    return cause?.name === "Faults" ? cause.message : String(cause?.stack ?? cause);
}

function indented(text) {
    return text.replace(/^/gm, "      ");
}
