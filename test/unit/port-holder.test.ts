import { createServer } from "node:net";
import { expect, test } from "vitest";
import { explainNoListener } from "../../src/port-holder.ts";

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
