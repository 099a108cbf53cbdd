import { describe, expect, test } from "vitest";
import { type Config, parseConfig } from "../../src/config.ts";
import { type Problem, renderProblem, SettingsError } from "../../src/errors.ts";

type Env = Record<string, string>;

function read(env: Env): Config {
  return parseConfig(new Map(Object.entries(env))).config;
}

function warnings(env: Env): string[] {
  return parseConfig(new Map(Object.entries(env))).warnings.map(renderProblem);
}

function problems(env: Env): readonly Problem[] {
  try {
    parseConfig(new Map(Object.entries(env)));
  } catch (error) {
    if (error instanceof SettingsError) return error.problems;
    throw error;
  }
  return [];
}

/** The one problem of `env`, as people read it. */
function problem(env: Env): string {
  const found = problems(env);
  expect(found).toHaveLength(1);
  return renderProblem(found[0] as Problem);
}

describe("an environment without settings", () => {
  test("gives every default of the contract", () => {
    expect(JSON.parse(JSON.stringify(read({ PATH: "/bin" })))).toEqual({
      enabled: true,
      keyTexts: [],
      authorizedKeysFile: { path: "/volume/.ssh/authorized_keys", named: false },
      urlRefreshMs: 900_000,
      homeKeys: false,
      volume: "/volume",
      adoptImageKeys: false,
      port: 2222,
      listen: [],
      revokeSessions: false,
      privilege: "auto",
      noNewPrivs: false,
      init: false,
      sshOnly: false,
      require: false,
      logLevel: "info",
    });
  });

  test("gives the same when every setting is there but empty, as compose leaves it", () => {
    const empty = { WITHSSH_PORT: "", WITHSSH_ENABLED: " ", WITHSSH_SESSION_ENV: "", AUTHORIZED_KEYS: "\n" };
    expect(read({ ...empty, WITHSSH_HOST_KEYS: "", WITHSSH_HOST_KEYS_FILE: "" })).toEqual(read({}));
  });
});

describe("values", () => {
  test.each<[string, string, keyof Config, unknown]>([
    ["WITHSSH_INIT", "1", "init", true],
    ["WITHSSH_INIT", "false", "init", false],
    ["WITHSSH_ENABLED", "0", "enabled", false],
    ["WITHSSH_PORT", "65535", "port", 65535],
    ["WITHSSH_URL_REFRESH", "30s", "urlRefreshMs", 30_000],
    ["WITHSSH_URL_REFRESH", "1h", "urlRefreshMs", 3_600_000],
    ["WITHSSH_LISTEN", "127.0.0.1, [::1]\n::1", "listen", ["127.0.0.1", "::1"]],
    ["WITHSSH_USERS", "app, root,app", "users", ["app", "root"]],
    ["WITHSSH_VOLUME", "/data//", "volume", "/data"],
    ["WITHSSH_PUBLIC_ADDRESS", "app.example.com", "publicAddress", { host: "app.example.com", port: 22 }],
    ["WITHSSH_PUBLIC_ADDRESS", "[2001:db8::1]:2022", "publicAddress", { host: "2001:db8::1", port: 2022 }],
    ["WITHSSH_FORWARDING", "local", "forwarding", "local"],
    ["WITHSSH_SSHD", "/usr/sbin/sshd", "sshd", "/usr/sbin/sshd"],
    ["WITHSSH_SSHD_CONFIG", "Banner none\nMatch User x", "sshdConfig", { text: "Banner none\nMatch User x" }],
    ["WITHSSH_SSHD_CONFIG_FILE", "/etc/more", "sshdConfig", { file: "/etc/more" }],
    ["WITHSSH_HOST_KEYS_FILE", "/run/secrets/keys", "hostKeys", { file: "/run/secrets/keys" }],
    ["WITHSSH_TRUSTED_USER_CA", "ssh-ed25519 AAAA", "trustedUserCa", { text: "ssh-ed25519 AAAA" }],
    ["AUTHORIZED_KEYS_URL", "https://a.example/b.keys", "authorizedKeysUrls", { text: "https://a.example/b.keys" }],
    ["AUTHORIZED_KEYS_FILE", "/keys", "authorizedKeysFile", { path: "/keys", named: true }],
    ["WITHSSH_SESSION_ENV", "PATH LANG,LC_* TZ", "sessionEnv", ["PATH", "LANG", "LC_*", "TZ"]],
    ["WITHSSH_SESSION_ENV", "-", "sessionEnv", []],
    ["WITHSSH_PRIVILEGE", "rootless", "privilege", "rootless"],
    ["WITHSSH_APP_USER", "1000:app", "appUser", "1000:app"],
    ["WITHSSH_NOFILE", "1024:4096", "nofile", { soft: 1024, hard: 4096 }],
    ["WITHSSH_NOFILE", "1024", "nofile", { soft: 1024 }],
    ["WITHSSH_REVOKE_SESSIONS", "true", "revokeSessions", true],
    ["WITHSSH_NO_NEW_PRIVS", "true", "noNewPrivs", true],
    ["WITHSSH_LOG_FORMAT", "pretty", "logFormat", "pretty"],
    ["WITHSSH_LOG_LEVEL", "debug", "logLevel", "debug"],
  ])("%s=%j is understood", (name, text, field, value) => {
    expect(read({ [name]: text })[field]).toEqual(value);
  });

  test.each<[string, readonly string[]]>([
    ["WITHSSH_REQUIRE", ["yes", "TRUE", "on", "2", "true\r", '"true"']],
    ["WITHSSH_PORT", ["0", "65536", "022", "22x", "-1", "2222 ", "1e3", "::1"]],
    ["WITHSSH_URL_REFRESH", ["15", "0s", "25h", "1d", "-1s", "1.5h"]],
    [
      "WITHSSH_LISTEN",
      [
        "localhost",
        "*",
        "1.2.3",
        "01.2.3.4",
        ":::",
        "1::2::3",
        "1:2:3:4::5:6:7::8",
        "1:2:3:4:5:6:7::8",
        "[1.2.3.4]",
        "::1%lo",
        ",",
      ],
    ],
    ["WITHSSH_USERS", ["-oProxyCommand=x", "a b", "a/b", "..", "1000", "a,,b", "a\nb", "*", "a".repeat(33), "$"]],
    ["WITHSSH_VOLUME", ["volume", "./x", "/a\nb", "/a\u007f", `/${"x".repeat(4095)}`]],
    [
      "WITHSSH_PUBLIC_ADDRESS",
      ["ssh://a", "a b", "-a", "a:0", "a,b", "*.a", "a:b:c", "300.1.1.1", "[a]:22", "a..b", `${"a.".repeat(126)}aa`],
    ],
    ["WITHSSH_FORWARDING", ["remote", "true", "Yes"]],
    ["WITHSSH_SESSION_ENV", ["- PATH", "A=B", "1A", "[A]"]],
    ["WITHSSH_KEY_VARIABLES", ["A-B", "A=B", "*"]],
    ["WITHSSH_APP_USER", ["a:b:c", "4294967295", "-1", "a b", ":a", "a:"]],
    ["WITHSSH_NOFILE", ["15", "4096:1024", "unlimited", "1024:", "9999999999"]],
    [
      "AUTHORIZED_KEYS_URL",
      [
        "http://a.example/x",
        "https://",
        "https://u:p@a.example/",
        "a.example",
        "https://a.example/x,https://b.example/y",
      ],
    ],
  ])("%s refuses what it cannot use, and says what it takes", (name, texts) => {
    for (const text of texts) {
      const told = problem({ [name]: text });
      expect(told, text).toMatch(new RegExp(`^${name} must be .* hint: `));
      expect(told, text).not.toMatch(/[\r\n]/);
    }
  });

  test("a blank or a quote of an env file around a value is named as the cause", () => {
    expect(problem({ WITHSSH_PORT: "2222\r" })).toContain("hint: remove the blanks or line breaks around the value");
    expect(problem({ WITHSSH_PORT: '"2222"' })).toContain("hint: remove the quotes");
  });

  test("a port behind a listen address is sent to the setting it has", () => {
    expect(problem({ WITHSSH_LISTEN: "[::1]:22" })).toContain("hint: leave out the port");
  });
});

describe("problems", () => {
  test("are told all at once, in one error that ends with exit code 2", () => {
    const env = { WITHSSH_PORT: "0", WITHSSH_INIT: "yes", WITHSSH_USRES: "app" };
    const parse = () => parseConfig(new Map(Object.entries(env)));
    expect(parse).toThrowError(expect.objectContaining({ exitCode: 2 }));
    expect(problems(env).map(({ what }) => what.split(" ")[0])).toEqual([
      "WITHSSH_USRES",
      "WITHSSH_PORT",
      "WITHSSH_INIT",
    ]);
  });

  test("never show a secret, nor a key or a password in the wrong place", () => {
    const secret = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXk";
    const places = { WITHSSH_PORT: secret, WITHSSH_VOLUME: secret, WITHSSH_USERS: secret, WITHSSH_LISTEN: secret };
    const urls = { AUTHORIZED_KEYS_URL: "https://u:hunter2@a.example/", WITHSSH_PUBLIC_ADDRESS: "ssh://u:hunter2@a" };
    const told = problems({
      ...places,
      ...urls,
      WITHSSH_HOST_KEYS_FILE: "b3BlbnNzaC1rZXk",
      WITHSSH_XYZ: "b3BlbnNzaC1rZXk",
    });
    expect(told).toHaveLength(8);
    expect(told.map(renderProblem).join("\n")).not.toMatch(/b3Blbn|hunter2/);
  });

  test("show nothing of a URL, which may hold a token, and only the length of something long", () => {
    expect(problem({ AUTHORIZED_KEYS_URL: "http://a.example/token" })).not.toContain("saw");
    expect(problem({ WITHSSH_PORT: "9".repeat(61) })).toContain("saw 61 characters");
  });

  test("show what was seen on one line of plain ASCII", () => {
    expect(problem({ WITHSSH_FORWARDING: "no\u001b[2J\u202e" })).toContain('saw "no\\u001b[2J\\u202e"');
  });

  test("name a value of ours that is not UTF-8, without showing it", () => {
    expect(problem({ WITHSSH_VOLUME: "/da\ufffdta" })).toBe(
      "WITHSSH_VOLUME is not UTF-8 — hint: set WITHSSH_VOLUME again from UTF-8 text",
    );
  });

  test.each<[string, Env]>([
    ["WITHSSH_SSHD_CONFIG and WITHSSH_SSHD_CONFIG_FILE", { WITHSSH_SSHD_CONFIG: "x", WITHSSH_SSHD_CONFIG_FILE: "/x" }],
    ["WITHSSH_REQUIRE=true and WITHSSH_ENABLED=false", { WITHSSH_REQUIRE: "true", WITHSSH_ENABLED: "false" }],
    ["WITHSSH_SSH_ONLY=true and WITHSSH_ENABLED=false", { WITHSSH_SSH_ONLY: "1", WITHSSH_ENABLED: "0" }],
    ["WITHSSH_APP_USER needs root", { WITHSSH_APP_USER: "app", WITHSSH_PRIVILEGE: "rootless" }],
    ["WITHSSH_APP_USER needs root", { WITHSSH_APP_USER: "app", WITHSSH_PRIVILEGE: "sudo" }],
    ["WITHSSH_ADOPT_IMAGE_KEYS=true and WITHSSH_HOST_KEYS", { WITHSSH_ADOPT_IMAGE_KEYS: "1", WITHSSH_HOST_KEYS: "x" }],
  ])("%s together make no sense", (words, env) => {
    expect(problem(env)).toContain(words);
  });
});

describe("names", () => {
  test.each([
    ["WITHSSH_PROT", "WITHSSH_PORT"],
    ["WITHSSH_USER", "WITHSSH_USERS"],
    ["WITHSSH_LOGLEVEL", "WITHSSH_LOG_LEVEL"],
    ["WITHSSH_FORWARD", "WITHSSH_FORWARDING"],
    ["WITHSSH_HOST_KEY_FILE", "WITHSSH_HOST_KEYS_FILE"],
    ["WITHSSH_AUTHORIZED_KEYS", "AUTHORIZED_KEYS"],
  ])("%s is refused and %s is offered", (name, near) => {
    expect(problem({ [name]: "x" })).toBe(`${name} is not a setting — hint: did you mean ${near}?`);
  });

  test("a name that is near to nothing gets no guess", () => {
    expect(problem({ WITHSSH_TOKEN_BUCKET: "x" })).not.toContain("did you mean");
  });

  test("a file form that does not exist is told as that", () => {
    expect(problem({ WITHSSH_USERS_FILE: "/x" })).toContain("WITHSSH_USERS has no file form");
  });

  test("names that are not ours, or are written otherwise, are left alone", () => {
    expect(read({ withssh_port: "x", WITHSSHPORT: "x", MY_WITHSSH_PORT: "x" })).toEqual(read({}));
  });

  test("a name that is nearly one of the key variables is warned about, others of that shape are not", () => {
    expect(warnings({ AUTHORIZED_KEYS_URLS: "x" })).toEqual([
      "AUTHORIZED_KEYS_URLS is not a setting — hint: did you mean AUTHORIZED_KEYS_URL?",
    ]);
    expect(warnings({ AUTHORIZED_KEYS_OF_BOB: "x" })).toEqual([]);
    expect(warnings({ AUTHORIZED_KEYS_URLS: "x", WITHSSH_KEY_VARIABLES: "AUTHORIZED_KEYS_URLS" })).toEqual([]);
  });

  test("Kubernetes service links are ignored with a warning that holds no address", () => {
    const links = {
      WITHSSH_SERVICE_HOST: "10.0.0.1",
      WITHSSH_SERVICE_PORT: "22",
      WITHSSH_SERVICE_PORT_SSH: "22",
      WITHSSH_PORT: "tcp://10.0.0.1:22",
      WITHSSH_PORT_22_TCP: "tcp://10.0.0.1:22",
      WITHSSH_PORT_22_TCP_ADDR: "10.0.0.1",
      WITHSSH_DOOR_SERVICE_HOST: "10.0.0.2",
      WITHSSH_DOOR_PORT: "udp://10.0.0.2:22",
    };
    expect(read(links)).toEqual(read({}));
    const told = warnings(links);
    expect(told).toHaveLength(2);
    expect(told.join("\n")).not.toContain("10.0.0");
    expect(told[0]).toContain("WITHSSH_PORT is a Kubernetes service link");
    expect(told[1]).toContain("WITHSSH_SERVICE_HOST, WITHSSH_SERVICE_PORT, WITHSSH_SERVICE_PORT_SSH and 4 more");
  });

  test("what only begins like a service link is a mistake", () => {
    expect(problem({ WITHSSH_PORT_NUMBER: "22" })).toContain("WITHSSH_PORT_NUMBER is not a setting");
    expect(problem({ WITHSSH_DOOR_PORT: "22" })).toContain("WITHSSH_DOOR_PORT is not a setting");
  });
});

describe("keys", () => {
  test("come from AUTHORIZED_KEYS and from each named variable that is set, once each, byte for byte", () => {
    const env = {
      AUTHORIZED_KEYS: " a\r\n",
      PUBLIC_KEY: "b",
      WITHSSH_KEY_VARIABLES: "PUBLIC_KEY,OTHER AUTHORIZED_KEYS",
    };
    expect(read(env).keyTexts).toEqual([
      { variable: "AUTHORIZED_KEYS", text: " a\r\n" },
      { variable: "PUBLIC_KEY", text: "b" },
    ]);
    expect(warnings(env)).toEqual([]);
  });

  test("named variables of which none is set are warned about", () => {
    expect(warnings({ WITHSSH_KEY_VARIABLES: "A B" })[0]).toContain("names only variables that are not set: A, B");
  });

  test("a secret of ours cannot be named as a variable with keys", () => {
    expect(problem({ WITHSSH_KEY_VARIABLES: "WITHSSH_HOST_KEYS" })).toContain("must name variables that are not ours");
    expect(problem({ WITHSSH_KEY_VARIABLES: "WITHSSH_MY_KEY" })).toContain("saw WITHSSH_MY_KEY");
    expect(problem({ WITHSSH_KEY_VARIABLES: "AUTHORIZED_KEYS_FILE" })).toContain("saw AUTHORIZED_KEYS_FILE");
  });

  test("a comment that is not UTF-8 does not keep the app from starting", () => {
    expect(warnings({ AUTHORIZED_KEYS: "ssh-ed25519 AAAA Jos\ufffd" })[0]).toContain(
      "AUTHORIZED_KEYS is not all UTF-8",
    );
  });

  test("follow the volume, unless a file is named", () => {
    expect(read({ WITHSSH_VOLUME: "/data" }).authorizedKeysFile).toEqual({
      path: "/data/.ssh/authorized_keys",
      named: false,
    });
  });

  test("private host keys in a plain variable are warned about, without showing them", () => {
    expect(warnings({ WITHSSH_HOST_KEYS: "SECRET" })).toEqual([
      "WITHSSH_HOST_KEYS is only as secret as the container's environment" +
        " — hint: mount a file and name it in WITHSSH_HOST_KEYS_FILE",
    ]);
  });
});

describe("on Fly", () => {
  test("a release command runs without SSH, and a required SSH does not stop it", () => {
    const config = read({ RELEASE_COMMAND: "1", WITHSSH_REQUIRE: "true" });
    expect([config.enabled, config.require]).toEqual([false, false]);
    expect(read({ RELEASE_COMMAND: "1", WITHSSH_ENABLED: "true" }).enabled).toBe(true);
    expect(read({ RELEASE_COMMAND: "" }).enabled).toBe(true);
  });

  test("clients dial the app's name, unless something else is said; a name that is none is ignored", () => {
    expect(read({ FLY_APP_NAME: "my-app" }).publicAddress).toEqual({ host: "my-app.fly.dev", port: 22 });
    expect(read({ FLY_APP_NAME: "my-app", WITHSSH_PUBLIC_ADDRESS: "a.example:2022" }).publicAddress?.port).toBe(2022);
    expect(read({ FLY_APP_NAME: "x\ny" }).publicAddress).toBeUndefined();
  });
});
