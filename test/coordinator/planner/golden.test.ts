import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { fleetOf, shapes } from '../../../bench/planner/fleets.ts'
import { plan } from '../../../coordinator/planner/index.ts'
import { simulate } from '../../../coordinator/planner/simulate.ts'
import { anyPicture } from './any-picture.ts'
import { hour } from './world.ts'

const here = join(import.meta.dirname, 'golden')
const print = (value: unknown) =>
  createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 16)

/**
 * What the planner said before it was made faster, decision for decision: order, reasons, texts and numbers. A
 * change of these files is a change of schedules, which wants its own reason (`vitest run -u` writes them anew).
 */
describe('plans as they were', () => {
  it('for 200 pictures of everything the planner knows', async () => {
    const lines = Array.from({ length: 200 }, (_, seed) => {
      const decisions = plan(anyPicture(seed))
      const placed = decisions.filter(each => each.kind === 'assign').length
      return `${seed} jobs=${decisions.length} placed=${placed} ${print(decisions)}`
    })
    await expect(`${lines.join('\n')}\n`).toMatchFileSnapshot(join(here, 'plans.txt'))
  })

  it.each(Object.keys(shapes))('for one look at the %s fleet, and its course', async name => {
    const fleet = fleetOf(name, 2_000)
    const { start, agents, budgets, absences, fateOf } = fleet
    const look = plan({
      now: { wall: start + 3 * hour, mono: 0 },
      queued: fleet.jobs,
      running: [],
      agents,
      budgets,
    })
    const { runs } = simulate({
      start,
      until: start + 7 * 24 * hour,
      tick: 60_000,
      jobs: fleet.jobs,
      agents,
      budgets,
      perCluster: 2,
      absences,
      fateOf,
      retryAfter: (_, attempts) => (attempts >= 6 ? undefined : 30_000 * 2 ** (attempts - 1)),
    })
    const course = runs.map(each => [each.job.id, each.agentId, each.startedAt, each.endedAt, each.ok])
    await expect(`look ${print(look)}\ncourse of ${runs.length} runs ${print(course)}\n`).toMatchFileSnapshot(
      join(here, `${name}.txt`),
    )
  })
})
