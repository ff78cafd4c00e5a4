import { performance } from 'node:perf_hooks'

/** Tells what the demo does: phases and facts with the seconds since the start on stderr, what an operator sees on stdout. */
export interface Narrator {
  readonly seconds: () => number
  /** A chapter begins. */
  phase(title: string): void
  /** A fact within it. */
  fact(text: string): void
  /** A command and what it printed. */
  shown(command: string, output: string): void
}

/** @param json what an operator sees goes to stderr too: stdout is for the one line at the end */
export function narrator(json: boolean): Narrator {
  const began = performance.now()
  const seconds = () => (performance.now() - began) / 1_000
  const out = json ? process.stderr : process.stdout
  const bold = (text: string) => (process.stderr.isTTY ? `\u001b[1m${text}\u001b[22m` : text)
  return {
    seconds,
    phase: title => {
      process.stderr.write(`\n${stamp(seconds())}  ${bold(title)}\n`)
    },
    fact: text => {
      process.stderr.write(`${stamp(seconds())}    ${text}\n`)
    },
    shown: (command, output) => {
      out.write(`\n$ ${command}\n${output.trimEnd()}\n`)
    },
  }
}

function stamp(seconds: number): string {
  return `${seconds.toFixed(1).padStart(6)} s`
}
