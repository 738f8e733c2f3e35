/** `node memory-child.ts MEBIBYTES`: fills so much memory, says so, and holds it until it is killed. */
const held = Buffer.alloc(Number(process.argv[2]) * 1_048_576, 1);
process.send?.(held.length);
setInterval(() => held.length, 60_000);
