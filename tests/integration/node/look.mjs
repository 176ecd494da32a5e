// Reads a published file as a service in Node would: one look, and another for every line on stdin, both with the
// instance that it has open and with a fresh one. Prints one JSON document for each look.
import { createInterface } from "node:readline";
import { DuckDBInstance } from "@duckdb/node-api";

const [file, sql] = process.argv.slice(2);

async function open() {
  const instance = await DuckDBInstance.create(file, { access_mode: "READ_ONLY" });
  return { instance, db: await instance.connect() };
}

async function ask(one, sql) {
  return (await one.db.runAndReadAll(sql)).getRowObjectsJson();
}

function close(one) {
  one.db.closeSync();
  one.instance.closeSync();
}

async function refused(one) {
  try {
    await one.db.run("CREATE TABLE marts.mine (x INTEGER)");
    return null;
  } catch (error) {
    return error.message;
  }
}

async function look(held) {
  const fresh = await open();
  const said = { held: await ask(held, sql), fresh: await ask(fresh, sql), refused: await refused(fresh) };
  close(fresh);
  console.log(JSON.stringify(said));
}

const held = await open();
await look(held);
for await (const _ of createInterface({ input: process.stdin })) await look(held);
close(held);
