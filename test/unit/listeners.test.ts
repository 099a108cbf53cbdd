import { expect, test } from "vitest";
import { parseListening } from "../../src/listeners.ts";

const TABLE = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:08AE 00000000:0000 0A 00000000:00000000 00:00000000 00000000   101        0 4711 1 0000000000000000 100 0 0 10 0
   1: 0100007F:08AE 0100007F:C001 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 0000000000000000 20 4 30 10 -1
   2: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4713 1 0000000000000000 100 0 0 10 0
`;

test("the listener on a port is found, and no connection that merely uses it", () => {
  expect(parseListening(TABLE, 2222)).toEqual([{ uid: 101, inode: "4711", waiting: 0 }]);
});

test("a port that nobody listens on has no holder", () => {
  expect(parseListening(TABLE, 2223)).toEqual([]);
  expect(parseListening("", 22)).toEqual([]);
});
