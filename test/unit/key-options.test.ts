import { expect, test } from "vitest";
import { isOptionLike, parseKeyOptions } from "../../src/key-options.ts";

const verdictOf = (text: string) => {
  const options = parseKeyOptions(text);
  return "reason" in options ? options.reason : text.slice(0, options.end);
};

test.each([
  "restrict",
  "no-PTY,port-forwarding",
  ",,pty,",
  'command="a \\" , b"',
  'command="a\\\\b\\"",pty',
  'from="*.example,!10.0.0.0/8,::1/128,1.2.3.4"',
  'expiry-time="20301231",expiry-time="203012312359Z",expiry-time="20301231235960utc"',
  'environment="A_1=x=y",environment="A_1="',
  'permitopen="localhost:80",permitopen="[::1]:*",permitopen="*:65535"',
  'permitlisten="8080",permitlisten="*:8080"',
  'tunnel="any",tunnel="7"',
  'cert-authority,principals="a,b"',
])("sshd takes %s", (text) => {
  expect(verdictOf(`${text} rest "of line`)).toBe(text);
});

test.each([
  ["pty,unknown", "option 2 is not one that sshd knows"],
  ["restricted", "option 1 is not one that sshd knows"],
  ["no-restrict", "option 1 is not one that sshd knows"],
  ['command="a"b', "option 1 is not one that sshd knows"],
  ["command=ls", "option 1 needs a value in double quotes"],
  ['command="ls\\"', "option 1 needs a value in double quotes"],
  ['command="ls', "option 1 needs a value in double quotes"],
  ['command="a",command="b"', "option 2 (command) is given twice"],
  ['from="*",from="*"', "option 2 (from) is given twice"],
  ['principals="a",cert-authority,principals="b"', "option 3 (principals) is given twice"],
  ['principals="a"', "principals= stands before a key that is no cert-authority"],
  ['from="1.2.3.4,"', "option 1 (from) has an empty entry"],
  ['from="10.0.0.1/8"', "option 1 (from) has a network whose mask does not fit its address"],
  ['from="10.0.0.0/33"', "option 1 (from) has a network whose mask does not fit its address"],
  ['from="fe80::/129"', "option 1 (from) has a network whose mask does not fit its address"],
  ['expiry-time="20301331"', "option 1 (expiry-time) is not a time like 20301231 or 203012312359Z"],
  ['expiry-time="2030123"', "option 1 (expiry-time) is not a time like 20301231 or 203012312359Z"],
  ['expiry-time="19690101"', "option 1 (expiry-time) is not a time like 20301231 or 203012312359Z"],
  ['environment="A-B=c"', "option 1 (environment) is not NAME=value"],
  ['permitopen="80"', "option 1 (permitopen) is not host:port with a port number or *"],
  ['permitopen="localhost:0"', "option 1 (permitopen) is not host:port with a port number or *"],
  ['permitopen="localhost:65536"', "option 1 (permitopen) is not host:port with a port number or *"],
  ['permitopen="::1:80"', "option 1 (permitopen) is not host:port with a port number or *"],
  ['permitlisten=""', "option 1 (permitlisten) is not host:port with a port number or *"],
  ['tunnel="x"', "option 1 (tunnel) is neither a number nor any"],
])("sshd refuses %s", (text, reason) => {
  expect(verdictOf(`${text} rest`)).toBe(reason);
});

test("what reads as options, right or wrong, is known", () => {
  for (const word of ["restrict", "pty,no-pty", 'comand="x"', "command=x", "no-ptty"]) {
    expect(isOptionLike(word), word).toBe(true);
  }
  for (const word of ["", "me@host", "laptop", "restricted"]) expect(isOptionLike(word), word).toBe(false);
});
