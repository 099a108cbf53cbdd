import { createServer } from "node:net";
import { expect, test } from "vitest";
import { explainNoListener, explainUnbound } from "../../src/port-holder.ts";

const listening = async (): Promise<{ port: number; close: () => void }> => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { port: (server.address() as { port: number }).port, close: () => server.close() };
};

test("a taken port is told with who holds it", async () => {
  const { port, close } = await listening();
  expect(explainNoListener({ port, listen: [] }, "Cannot bind any address.")).toEqual({
    what: `port ${port} is taken: sshd cannot listen`,
    saw: expect.stringMatching(new RegExp(`^\\S.* \\(pid ${process.pid}\\)$`)),
    hint: "end it, or set WITHSSH_PORT; it is tried again",
  });
  close();
});

test("where nobody holds the port sshd's own words are told, and WITHSSH_LISTEN is asked about where it is set", async () => {
  const { port, close } = await listening();
  close();
  const problem = { what: "sshd ended before it listened", saw: "nothing of why", hint: "it is tried again" };
  expect(explainNoListener({ port, listen: [] }, undefined)).toEqual(problem);
  expect(explainNoListener({ port, listen: ["192.0.2.1"] }, "Cannot assign requested address.")).toEqual({
    ...problem,
    saw: "Cannot assign requested address.",
    hint: "does this container have every address of WITHSSH_LISTEN? it is tried again",
  });
});

test("an address that sshd could not have beside others is told with who holds it, and sshd is not called the holder", async () => {
  const { port, close } = await listening();
  const unbound = { address: "0.0.0.0", port, why: "Address already in use" };
  const what = `sshd listens, but not on 0.0.0.0 port ${port}: who connects there does not reach it`;
  const hint = "end it and restart the container, or set WITHSSH_PORT";
  const saw = expect.stringContaining(`(pid ${process.pid})`);
  expect(explainUnbound(unbound, { listen: [] }, undefined)).toEqual({ what, saw, hint });
  expect(explainUnbound({ ...unbound, why: "Address in use" }, { listen: [] }, process.pid)).toEqual({
    what,
    saw: "Address in use",
    hint,
  });
  close();
});

test("an address that this machine lacks is told only where it was named: of all, a family may be missing", () => {
  const unbound = { address: "192.0.2.1", port: 2222, why: "Cannot assign requested address" };
  expect(explainUnbound(unbound, { listen: [] }, undefined)).toBeUndefined();
  expect(explainUnbound(unbound, { listen: ["192.0.2.1"] }, undefined)).toMatchObject({ saw: unbound.why });
});
