import { type Command, CommanderError } from 'commander'
import { AppError, type Failure, printFailure } from '../errors/index.ts'

/** The least a command line needs of where it runs. */
export interface Output {
  readonly out: (text: string) => void
  readonly err: (text: string) => void
  /** Columns that errors are to fit; absent: any. */
  readonly width?: number
}

/** Ends a command with a status of its own although nothing failed: the answer is "no", or all was told. */
export class Answer extends Error {
  readonly status: number

  constructor(status: number) {
    super('answered')
    this.status = status
  }
}

/**
 * Runs one command line (without node and script) and resolves with the exit status: 0, the status of an
 * `Answer`, 2 for usage, else that of the error's code. Errors go to stderr as text; under `-o json` the
 * program says with `jsonError` how it tells them instead.
 */
export async function runCommandLine(
  root: Command,
  argv: readonly string[],
  output: Output,
  jsonError?: (failure: Failure) => void,
): Promise<number> {
  tame(root, output)
  try {
    await root.parseAsync([...argv], { from: 'user' })
    return 0
  } catch (thrown) {
    if (thrown instanceof Answer) return thrown.status
    if (thrown instanceof CommanderError) {
      if (thrown.exitCode === 0) return 0
      if (thrown.code === 'commander.help') return help(root, argv, output)
    }
    const error = fromCommander(thrown)
    if (jsonError !== undefined && wantsOutput(argv, 'json')) jsonError(error.toFailure())
    else output.err(`${printFailure(error.toFailure(), output.width)}\n`)
    return error.traits.exit
  }
}

/** Commander neither exits nor writes by itself, on any level. */
function tame(command: Command, output: Output): void {
  command
    .exitOverride()
    .configureOutput({ writeOut: output.out, writeErr: () => {} })
    .showSuggestionAfterError()
  for (const inner of command.commands) tame(inner, output)
}

/** A noun without a verb: its help on stderr, and the status of wrong usage. */
function help(root: Command, argv: readonly string[], output: Output): number {
  let command = root
  for (const word of argv) command = command.commands.find(each => each.name() === word) ?? command
  output.err(command.helpInformation())
  return 2
}

function fromCommander(thrown: unknown): AppError {
  return thrown instanceof CommanderError
    ? new AppError('usage.invalid', { message: thrown.message.replace(/^error: /, '') })
    : AppError.from(thrown)
}

/** Whether a command line asks for an output format; known before it is parsed, for what must be told if it cannot be. */
export function wantsOutput(argv: readonly string[], format: string): boolean {
  return argv.some((arg, at) =>
    /^(-o|--output)$/.test(arg)
      ? argv[at + 1] === format
      : arg.replace(/^(-o|--output)=?/, '') === format && arg !== format,
  )
}
