import { vanish } from './put-database.ts'
import { type Term, write } from './term.ts'

/** Databases of one write. */
const page = 25

/**
 * Gives the databases of clusters that discovery has not shown for the time of grace their tombstone: until then
 * their promises are judged on, and break; after it they are gone for good reasons, and nobody is told of them any
 * more. Backups stay, and a server that comes back finds its databases as the same ones.
 */
export async function closeGone(term: Term): Promise<number> {
  const before = term.clock.now().wall - term.settings.times.goneGrace
  const due = [...term.fleet.clusters()]
    .filter(each => each.goneSince !== undefined && each.goneSince <= before)
    .flatMap(each => term.fleet.databasesOf(each.id))
    .filter(each => each.record.goneSince === undefined)
  for (let i = 0; i < due.length; i += page)
    await write(term, 'close-gone', async tx => {
      for (const { record } of due.slice(i, i + page)) {
        const cluster = await tx.clusters.get(record.clusterId)
        if (cluster?.goneSince !== undefined) await vanish(tx, record, term)
      }
    })
  return due.length
}
