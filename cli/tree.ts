import type { Command } from 'commander'

/** A command that does something, and the words that lead to it, without the program's name. */
export interface Leaf {
  readonly path: readonly string[]
  readonly command: Command
}

/** The commands below one, as its help shows them: no hidden ones, not `help` itself. */
export function shownCommands(command: Command): readonly Command[] {
  return command
    .createHelp()
    .visibleCommands(command)
    .filter(each => each.name() !== 'help')
}

/** Every command without further verbs, in the order of the help. */
export function leavesOf(command: Command, path: readonly string[] = []): readonly Leaf[] {
  const inner = shownCommands(command)
  if (inner.length === 0) return [{ path, command }]
  return inner.flatMap(each => leavesOf(each, [...path, each.name()]))
}
