import type { Command } from 'commander'
import { leaf, type Terminal } from '../command.ts'
import { card } from '../print/table.ts'
import { instant } from '../print/units.ts'

/** `holdfast whoami`. */
export function whoamiCommand(terminal: Terminal): Command {
  return leaf(
    terminal,
    {
      name: 'whoami',
      summary: 'show who the coordinator takes you for, and what that lets you do',
      examples: ['holdfast whoami', 'HOLDFAST_TOKEN_FILE=~/.holdfast-token holdfast whoami -o json'],
    },
    command => command,
    async ({ coordinator, print }) => {
      const answer = await coordinator.ask('whoAmI', {})
      print(answer, () =>
        card([
          ['name', answer.name],
          ['roles', answer.roles.join(', ')],
          ['sees', answer.scope === 'fleet' ? 'the whole fleet' : selectorText(answer.selector)],
          ['known by', answer.tokenId === '' ? answer.knownBy : `${answer.knownBy} ${answer.tokenId}`],
          ['until', answer.expiresAt === 0 ? '' : instant(answer.expiresAt)],
        ]),
      )
    },
  )
}

/** A selector as one gives it. */
export function selectorText(selector: readonly { readonly name: string; readonly value: string }[]): string {
  return selector.map(({ name, value }) => `${name}=${value}`).join(', ')
}
