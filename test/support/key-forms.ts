/**
 * README's ways to set the key, and the bytes that reach us by each: what the variable holds (or the file) once that shell,
 * file or cloud has done its quoting. `a`, `b` and `c` stand for three public keys.
 */

export interface KeyForm {
  /** README's words for it. */
  readonly name: string;
  /** README's code, word for word. */
  readonly snippet: string;
  /** What can come of it: with one key, with several, from a file that Windows wrote. */
  readonly reaches: readonly ((a: string, b: string, c: string) => readonly [text: string, keys: number])[];
}

/** A file of one key, as ssh-keygen writes it; `$(cat …)` drops the newline at its end (POSIX, command substitution). */
const one = (a: string) => [a, 1] as const;
const lines = (a: string, b: string, c: string) => [[a, b, c].join("\n"), 3] as const;
const file = (a: string, b: string, c: string) => [`${[a, b, c].join("\n")}\n`, 3] as const;
/** Written or pasted on Windows. */
const windows = (a: string, b: string, c: string) => [`${[a, b, c].join("\r\n")}\r\n`, 3] as const;

export const keyForms: readonly KeyForm[] = [
  {
    name: "bash, zsh",
    snippet: `docker run --env AUTHORIZED_KEYS="$(cat ~/.ssh/id_ed25519.pub)" …     # one
docker run --env AUTHORIZED_KEYS="$(cat ~/.ssh/*.pub)" …              # all of yours
docker run --env AUTHORIZED_KEYS="$(curl -fsS https://github.com/you.keys)" …`,
    reaches: [one, lines],
  },
  {
    name: "bash, all in one line, as an echo without quotes makes it",
    snippet: `export AUTHORIZED_KEYS=$(echo $(cat ~/.ssh/*.pub))
docker run --env AUTHORIZED_KEYS …`,
    reaches: [(a, b, c) => [[a, b, c].join(" "), 3]],
  },
  {
    name: "PowerShell",
    snippet: `docker run --env "AUTHORIZED_KEYS=$(Get-Content $HOME\\.ssh\\id_ed25519.pub)" …
docker run --env "AUTHORIZED_KEYS=$(Get-Content -Raw $HOME\\.ssh\\authorized_keys)" …`,
    // A list in a string is joined by blanks; -Raw keeps the file's own line ends.
    reaches: [one, (a, b, c) => [[a, b, c].join(" "), 3], windows, file],
  },
  {
    name: "cmd.exe",
    snippet: `set /p AUTHORIZED_KEYS=<%USERPROFILE%\\.ssh\\id_ed25519.pub
docker run --env AUTHORIZED_KEYS …`,
    reaches: [one],
  },
  {
    name: "`docker run --env-file app.env`, which knows no quotes and no line ends",
    snippet: `AUTHORIZED_KEYS=ssh-ed25519 AAAA…ina ina@laptop\\nssh-ed25519 AAAA…ben ben@desk`,
    reaches: [
      one,
      (a, b, c) => [[a, b, c].join("\\n"), 3],
      (a, b, c) => [`"${[a, b, c].join("\\n")}"`, 3],
      (a) => [`'${a}'`, 1],
      (a, b, c) => [[a, b, c].join(","), 3],
    ],
  },
  {
    name: "Compose, environment",
    snippet: `services:
  app:
    environment:
      AUTHORIZED_KEYS: |
        ssh-ed25519 AAAA…ina ina@laptop
        ssh-ed25519 AAAA…ben ben@desk`,
    // The same with `>`, and on one line.
    reaches: [one, file, (a, b, c) => [`${[a, b, c].join(" ")}\n`, 3]],
  },
  {
    name: "Compose, `.env`",
    snippet: `AUTHORIZED_KEYS="ssh-ed25519 AAAA…ina ina@laptop
ssh-ed25519 AAAA…ben ben@desk"`,
    reaches: [one, lines, (a, b, c) => [[a, b, c].join("\\n"), 3]],
  },
  {
    name: "Compose, secrets",
    snippet: `services:
  app:
    environment:
      AUTHORIZED_KEYS_FILE: /run/secrets/authorized_keys
    secrets: [authorized_keys]

secrets:
  authorized_keys:
    file: ./authorized_keys`,
    reaches: [file, windows],
  },
  {
    name: "Kubernetes Secret, as a variable",
    snippet: `# kubectl create secret generic ssh-people --from-file=authorized_keys=$HOME/.ssh/id_ed25519.pub
env:
  - name: AUTHORIZED_KEYS
    valueFrom:
      secretKeyRef: { name: ssh-people, key: authorized_keys }`,
    reaches: [(a) => [`${a}\n`, 1], file],
  },
  {
    name: "Kubernetes Secret, as files: one for each person, and a change needs no new pod",
    snippet: `env:
  - { name: AUTHORIZED_KEYS_FILE, value: /etc/ssh-people }
volumeMounts:
  - { name: people, mountPath: /etc/ssh-people, readOnly: true }`,
    reaches: [(a) => [`${a}\n`, 1], windows],
  },
  {
    name: "GitHub Actions",
    snippet: `- run: docker run --detach --env AUTHORIZED_KEYS …
  env:
    AUTHORIZED_KEYS: \${{ secrets.AUTHORIZED_KEYS }}`,
    // A secret is what was pasted into the form, or piped into gh secret set.
    reaches: [one, lines, file, windows],
  },
  {
    name: "Fly",
    snippet: `fly secrets set AUTHORIZED_KEYS="$(cat ~/.ssh/id_ed25519.pub)"
cat ~/.ssh/authorized_keys | fly secrets set AUTHORIZED_KEYS=-`,
    reaches: [one, lines, file],
  },
];
