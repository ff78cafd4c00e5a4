import { program } from '../cli/program.ts'
import type { Terminal } from '../cli/terminal.ts'
import { shownCommands } from '../cli/tree.ts'

/** A command as its help describes it: what the reference and the man pages are made of. */
export interface CommandHelp {
  /** `holdfast job list`. */
  readonly name: string
  readonly summary: string
  /** `[options] <job>`. */
  readonly usage: string
  readonly args: readonly Described[]
  readonly options: readonly Described[]
  readonly examples: readonly string[]
  /** What each exit status means, where it has its own. */
  readonly exits: string
  readonly verbs: readonly CommandHelp[]
}

/** A word and what it means. */
export interface Described {
  readonly term: string
  readonly about: string
}

type Command = ReturnType<typeof program>

/** Options that every command has; told once. */
export const everywhere: readonly string[] = [
  '--coordinator',
  '--output',
  '--profile',
  '--no-color',
  '--help',
]

/** The whole command line. */
export function commandHelp(): CommandHelp {
  return describe(program({ environment: {} } as Terminal), '')
}

function describe(command: Command, before: string): CommandHelp {
  const name = `${before} ${command.name()}`.trim()
  const help = command.createHelp()
  const tail = tailOf(command)
  return {
    name,
    summary: command.description(),
    usage: command.usage(),
    args: command.registeredArguments.map(each => ({ term: `<${each.name()}>`, about: each.description })),
    options: help.visibleOptions(command).map(each => ({
      term: help.optionTerm(each),
      about: help.optionDescription(each),
    })),
    examples: [...tail.matchAll(/^ {2}\$ (.*)$/gm)].map(([, example]) => example ?? ''),
    exits: /Exit status:\n {2}(.*)/.exec(tail)?.[1] ?? '',
    verbs: shownCommands(command).map(each => describe(each, name)),
  }
}

/** What stands below the options, which commander keeps as listeners. */
function tailOf(command: Command): string {
  let text = ''
  command.configureOutput({ writeOut: written => (text += written) })
  command.outputHelp()
  return text
}
