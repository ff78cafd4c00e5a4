import type { Command } from 'commander'
import type { GetStatusResponse } from '../../shared/wire/gen/holdfast/v1/operator.ts'
import { leaf, type Terminal } from '../command.ts'
import { card } from '../print/table.ts'
import { ago, bytes, instant, shortDuration } from '../print/units.ts'
import { watchOption } from '../watch.ts'

/** `holdfast status`: the fleet on one screen. */
export function statusCommand(terminal: Terminal): Command {
  return leaf(
    terminal,
    {
      name: 'status',
      summary: 'show the state of the fleet and of the coordinator',
      examples: ['holdfast status', 'holdfast status -o json | jq .breached'],
    },
    watchOption,
    async ({ coordinator, print }) => {
      const status = await coordinator.ask('getStatus', {})
      // counted for the whole fleet only
      const whole = (text: string) => (status.narrowed ? '' : text)
      print(status, () =>
        card(
          [
            [
              'coordinator',
              `${coordinator.address}, ${status.leader ? `leading (term ${status.term})` : 'standing by'}, version ${status.version}`,
            ],
            ['up', shortDuration(status.now - status.startedAt)],
            ['store', `${status.storeKind}, ${status.incarnation}`],
            [
              'discovery',
              status.discovery
                .map(
                  s =>
                    `${s.source}: ${s.ok ? 'ok' : `${s.failure?.code ?? 'failing'} (last ok ${ago(s.lastOkAt, status.now)})`}`,
                )
                .join('; '),
            ],
            ['agents', whole(`${status.agentsConnected} connected, ${status.agentsSilent} silent`)],
            ['instances', String(status.instances)],
            [
              'databases',
              `${status.databases}: ${status.protected} protected, ${status.due} due, ${status.atRisk} at risk, ${status.breached} breached, ${status.unprotected} unprotected`,
            ],
            [
              'jobs',
              `${status.jobsQueued} queued, ${status.jobsRunning} running${whole(`; in 24 h ${status.jobsSucceeded24h} succeeded, ${status.jobsFailed24h} failed`)}`,
            ],
            ['runs', whole(expectedRuns(status))],
            ['backups', whole(`${status.backups}, ${bytes(status.storedBytes)} stored`)],
            [
              'alerts to deliver',
              whole(
                `${status.outboxPending}${status.outboxDead > 0 ? `; ${status.outboxDead} given up: nobody was told (\`holdfast alert list\`)` : ''}`,
              ),
            ],
            ['seen', status.narrowed ? 'what your selector covers (`holdfast whoami`)' : ''],
            ['as of', instant(status.now)],
          ],
          terminal.width,
        ),
      )
    },
  )
}

/** How many of the runs that schedules asked for were made: what nobody attempted is missing from it. */
function expectedRuns({ runsExpected24h: expected, runsMade24h: made }: GetStatusResponse): string {
  if (expected === 0) return ''
  // all of them is what 100 % means
  const percent = Math.min(made === expected ? 100 : 99.9, Math.floor((1_000 * made) / expected) / 10)
  return `in 24 h ${made} of ${expected} expected (${percent} %)`
}
