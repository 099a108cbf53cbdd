/** What a newcomer wants to know of docs/bench.md, as README's table: read from that page, so that they cannot differ. Pure. */
import { readMarked } from "./marked.ts";

interface Timing {
  readonly what: string;
  /** Title of the page's rows, without where PID 1 is. */
  readonly title: string;
  readonly script: "bash" | "bash-sudo";
  readonly ours: "withssh" | "withssh-sudo";
}

const TIMINGS: readonly Timing[] = [
  { what: "until the app runs", title: "time until the app runs", script: "bash", ours: "withssh" },
  {
    what: "the same, unprivileged app, root by sudo",
    title: "time until the app runs, image's user with sudo",
    script: "bash-sudo",
    ours: "withssh-sudo",
  },
  {
    what: "until SSH answers, host keys on the volume",
    title: "time until SSH answers",
    script: "bash",
    ours: "withssh",
  },
  {
    what: "until SSH answers, first start of all",
    title: "first start: time until SSH answers",
    script: "bash",
    ours: "withssh",
  },
];

/** Medians as PID 1 of `page` (docs/bench.md). Throws where it lacks one. */
export function renderTimings(page: string): string {
  const cells = readMarked(page, "bench")
    .split("\n")
    .map((line) => line.split("|").map((cell) => cell.trim()));
  const median = (title: string, variant: string) => {
    const found = cells.find((row) => row[1] === `${title}, as PID 1` && row[2] === variant);
    if (found?.[3] === undefined) throw new Error(`docs/bench.md has no "${title}, as PID 1" of ${variant}`);
    return `${found[3]} ms`;
  };
  const alone = (variant: string) => median("time until the app runs", variant);
  const memory = cells.find((row) => row[1] === "supervisor's own memory, as PID 1")?.[2];
  if (memory === undefined) throw new Error("docs/bench.md has no memory of the supervisor");
  const rows = TIMINGS.map(({ what, title, script, ours }) => [what, median(title, script), median(title, ours)]);
  return [
    "| median of a start | the guide's bash script | withssh |",
    "|---|--:|--:|",
    ...rows.map((row) => `| ${row.join(" | ")} |`),
    "",
    `The same app starts bare after ${alone("bare")}, and behind tini after ${alone("tini")}. The supervisor that stays has ${memory} of`,
    "memory of its own.",
    "",
  ].join("\n");
}
