import type { Command } from 'commander'
import { Answer } from '../../shared/command-line/index.ts'
import { Gap } from '../../shared/wire/gen/holdfast/v1/operator.ts'
import { leaf, noun, type Terminal } from '../command.ts'
import { list, paged, selected, selectorOf } from '../list.ts'
import { atWords, printable, table } from '../print/table.ts'
import { ago } from '../print/units.ts'

/** `holdfast gap list`: what is not protected now, and why (P1). */
export function gapCommand(terminal: Terminal): Command {
  const listing = leaf(
    terminal,
    {
      name: 'list',
      summary: 'list promises that do not hold now, each with its reason',
      examples: [
        'holdfast gap list',
        "holdfast gap list --selector 'service=orders-*'",
        'holdfast gap list -o json || page-someone',
      ],
      exits: '0 no gap; 1 there is at least one',
    },
    command => selected(paged(command)).option('--reason <code>', 'only this reason'),
    async (session, _args, options) => {
      const filter = { reason: options.reason as string | undefined, ...selectorOf(options) }
      const rows = await list(
        session,
        options,
        filter,
        request => session.coordinator.ask('listGaps', request),
        {
          rowsOf: answer => answer.gaps,
          key: 'gaps',
          like: Gap.fromPartial({}),
          none: 'no gap: every known instance and database is looked after',
          table: gaps => gapTable(gaps, terminal),
        },
      )
      if (rows.length > 0) throw new Answer(1)
    },
  )
  return noun('gap', 'what is not protected', [listing])
}

/** Why stands under what: beside it the one sentence that helps would be cut to two words. */
function gapTable(gaps: readonly Gap[], { width, now, paint }: Terminal): string {
  const wide = width === Number.POSITIVE_INFINITY
  const [heading = '', ...lines] = table(
    gaps,
    [
      { heading: 'WHAT', value: g => g.subjectKind },
      { heading: 'NAME', value: g => g.subjectName || g.subjectId, shrinkTo: 16 },
      { heading: 'STATE', value: g => g.state, paint },
      { heading: 'REASON', value: g => g.reason },
      { heading: 'SINCE', value: g => ago(g.since, now()) },
      { heading: 'DETAIL', value: g => g.detail, wide: true },
    ],
    width,
  ).split('\n')
  if (wide) return [heading, ...lines].join('\n')
  const told = lines.map((line, n) => {
    const detail = printable(gaps[n]?.detail ?? '')
    const under = detail === '' ? [] : atWords(detail, Math.max(20, width - 2))
    return [line, ...under.map(each => `  ${each}`)].join('\n')
  })
  return [heading, ...told].join('\n')
}
