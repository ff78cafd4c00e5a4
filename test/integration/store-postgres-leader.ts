// A coordinator's store as a process of its own, for tests that stop it: `node store-postgres-leader.ts <between|inside>`
// It leads, writes once, stops itself (SIGSTOP) between transactions or inside one, and once woken writes on.
// What becomes of each write is a line of JSON on stdout; an unhandled error would end it with another status.
import { openStore, type Store } from '../../coordinator/store/index.ts'
import { newId, systemClock } from '../../shared/clock/index.ts'
import { silentLog } from '../../shared/log/index.ts'
import { cluster } from '../conformance/store-records.ts'

function say(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`)
}

async function put(store: Store, name: string, inside: () => void = () => {}): Promise<void> {
  try {
    await store.write('put', async tx => {
      await tx.clusters.put(cluster({ id: newId('cluster'), name }))
      inside()
      await tx.audit.append({
        at: 1,
        class: 'history',
        actor: 'child',
        action: 'put',
        subject: name,
        reason: '',
        detail: {},
      })
      tx.afterCommit(() => say({ effect: name }))
    })
    say({ write: name, outcome: 'committed' })
  } catch (thrown) {
    say({ write: name, outcome: (thrown as { code?: string }).code ?? String(thrown) })
  }
}

async function main(where: string): Promise<void> {
  const store = await openStore({ url: process.env.STORE_URL ?? '', clock: systemClock, log: silentLog })
  say({ term: await store.leadership.tryAcquire('child', 60_000) })
  await put(store, 'before')
  const stop = () => process.kill(process.pid, 'SIGSTOP')
  if (where === 'between') {
    stop()
    await put(store, 'stopped')
  } else await put(store, 'stopped', stop)
  await put(store, 'after')
  say({ term: store.leadership.term ?? null, renewed: await store.leadership.renew() })
  await store.close()
  say({ end: 'well' })
}

await main(process.argv[2] ?? '')
