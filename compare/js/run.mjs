// Runs the TypeScript (Effect) and the JavaScript (AsyncDisposableStack) of COMPARE.md, and holds both to what it says.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import "core-js/actual/async-disposable-stack/index.js";
import { Effect, Exit, Fiber } from "effect";
import { transformSync } from "esbuild";

const document = readFileSync(new URL("../../COMPARE.md", import.meta.url), "utf8");

/** The only block of this language, as a function of the names that it takes for granted. It returns `task`. */
function program(language, ...names) {
  const blocks = [...document.matchAll(new RegExp("^```" + language + "\\n(.*?)^```", "gms"))];
  assert.equal(blocks.length, 1, `one block in ${language}`);
  const { code } = transformSync(blocks[0][1], { loader: "ts", target: "es2022" });
  return new Function(...names, `${code}\nreturn task;`);
}

const effectProgram = program("typescript", "Effect", "start", "stop", "work");
const stackProgram = program("javascript", "start", "stop", "work");

/** Waits for a few turns of the event loop. */
async function turns(number) {
  for (let turn = 0; turn < number; turn++) await new Promise(setImmediate);
}

// b starts and stops before the others.
const slow = (name) => turns(name === "b" ? 1 : 3);

/** Logs what a machine does. `fails` says which steps of b fail. */
function machines({ fails = [] }) {
  const log = [];
  const step = async (name, verb, done) => {
    log.push(`${name} ${verb}`);
    await slow(name);
    if (name === "b" && fails.includes(verb)) throw new Error(`b ${verb}: fails`);
    log.push(`${name} ${done}`);
    return name;
  };
  const start = (name) => step(name, "starts", "has started");
  const stop = (name) => step(name, "stops", "has stopped");
  return { log, start, stop };
}

const before = (log, first, second) => {
  assert.ok(log.includes(first) && log.includes(second), `${first}, ${second}: ${log}`);
  assert.ok(log.indexOf(first) < log.indexOf(second), `${first} before ${second}: ${log}`);
};
const everyStop = ["a has stopped", "b has stopped", "c has stopped"];

/** Runs the program of Effect. Returns its log, its exit, and the exits that the machines received. */
async function effect({ fails, work, interrupts = false }) {
  const { log, start, stop } = machines({ fails });
  const received = {};
  const task = effectProgram(
    Effect,
    (name) => Effect.tryPromise({ try: () => start(name), catch: (error) => error }),
    (name, exit) => {
      received[name] = exit;
      return Effect.promise(() => stop(name)); // a release has no error type: a failure is a defect
    },
    (names) => {
      log.push("the body runs");
      return work ?? Effect.succeed(names.length);
    },
  );
  const fiber = Effect.runFork(task);
  if (interrupts) {
    while (!log.includes("the body runs")) await turns(1);
    await Effect.runPromise(Fiber.interrupt(fiber));
  }
  return { log, exit: await Effect.runPromise(Fiber.await(fiber)), received };
}

{
  const { log, exit, received } = await effect({});
  assert.deepEqual(exit, Exit.succeed(3));
  before(log, "c starts", "b has started"); // together
  before(log, "b stops", "c has stopped"); // b is the last one, so all three stop together
  assert.ok(Object.values(received).every(Exit.isSuccess));
}
{
  const { log, exit, received } = await effect({ fails: ["starts"] });
  assert.ok(Exit.isFailure(exit) && !log.includes("the body runs"));
  // c finishes its start, and is released.
  before(log, "c has started", "c stops");
  assert.deepEqual(Object.keys(received).sort(), ["a", "c"]);
  assert.ok(log.includes("a has stopped") && log.includes("c has stopped"));
}
{
  const { log, exit } = await effect({ fails: ["stops"] });
  // The program ends with the defect, without the body's value, and releases the other machines.
  assert.ok(Exit.isFailure(exit) && exit.cause._tag === "Die");
  assert.ok(log.includes("a has stopped") && log.includes("c has stopped"));
}
for (const [work, interrupts] of [[Effect.die("oops"), false], [Effect.never, true]]) {
  const { log, exit, received } = await effect({ work, interrupts });
  assert.ok(Exit.isFailure(exit) && everyStop.every((line) => log.includes(line)));
  assert.deepEqual(Object.values(received).map(Exit.isInterrupted), Array(3).fill(interrupts));
}

/** Runs the program of the stack. Returns its log, and its value or its error. */
async function stack({ fails, work = async (vms) => vms.length }) {
  const { log, start, stop } = machines({ fails });
  const task = stackProgram(
    start,
    (...received) => {
      assert.equal(received.length, 1, "an exit has no case");
      return stop(...received);
    },
    (vms) => work(vms),
  );
  const result = await task().then((value) => ({ value }), (error) => ({ error }));
  const atTheEnd = [...log];
  await turns(9);
  return { log, atTheEnd, ...result };
}

{
  const { log, value } = await stack({});
  assert.equal(value, 3);
  before(log, "c starts", "b has started"); // together
  // One by one, the last one first.
  assert.deepEqual(log.slice(6), ["c", "a", "b"].flatMap((name) => [`${name} stops`, `${name} has stopped`]));
}
{
  const { log, atTheEnd, error } = await stack({ fails: ["starts"] });
  assert.equal(error.message, "b starts: fails");
  // c runs on, and nobody stops it.
  assert.ok(!atTheEnd.includes("c has started") && log.includes("c has started") && !log.includes("c stops"));
}
{
  const { log, error } = await stack({ fails: ["stops"], work: async () => { throw new Error("the body"); } });
  assert.ok(error instanceof SuppressedError);
  assert.deepEqual([error.error.message, error.suppressed.message], ["b stops: fails", "the body"]);
  assert.ok(log.includes("a has stopped") && log.includes("c has stopped"));
}
console.log("the programs in TypeScript and JavaScript do what COMPARE.md says");
