import { join } from 'node:path'
import { startCoordinator } from '../../../coordinator/coordinator.ts'
import { openStore } from '../../../coordinator/store/index.ts'
import type { Clock } from '../../../shared/clock/index.ts'
import { silentLog } from '../../../shared/log/index.ts'
import { testConfig } from '../../coordinator/running.ts'
import { temporaryFolder, waitUntil } from '../../harness/index.ts'
import { holdfast, now } from '../holdfast.ts'
import { seed } from './seed.ts'

/** Time stands still: no loop of the coordinator runs by itself, and every answer is the same in every run. */
const stopped: Clock = {
  now: () => ({ wall: now, mono: 0 }),
  sleep: (_duration, signal) =>
    new Promise((_resolve, reject) => {
      if (signal?.aborted) reject(signal.reason)
      signal?.addEventListener('abort', () => reject(signal.reason), { once: true })
    }),
}

/** A real coordinator that leads on a seeded store, in a time that stands still. */
export async function stillCoordinator(): Promise<AsyncDisposable & { readonly address: string }> {
  const folder = await temporaryFolder('golden')
  const url = `sqlite:${join(folder.path, 'holdfast.db')}`
  const store = await openStore({ url, clock: stopped, log: silentLog })
  await store.leadership.tryAcquire('seed', 15_000)
  await seed(store)
  await store.leadership.release()
  const config = testConfig({
    policies: [{ name: 'everything', every: '24h', rpo: '26h', destination: 'main' }],
  })
  const coordinator = await startCoordinator(config, silentLog, { store, clock: stopped, sources: [] })
  await waitUntil(() => coordinator.term !== undefined, { what: 'leadership' })
  return {
    address: `127.0.0.1:${coordinator.port}`,
    [Symbol.asyncDispose]: async () => {
      await coordinator.stop()
      await store.close()
      await folder.remove()
    },
  }
}

/** The words of a scene; those in double quotes are one. */
export function wordsOf(scene: string): readonly string[] {
  return [...scene.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare ?? '')
}

/** One scene as a terminal of that width shows it: the command, what it says, and its exit status. */
export async function played(scene: string, width: number, address: string): Promise<string> {
  const { status, out, err } = await holdfast(wordsOf(scene), { address, width })
  const end = status === 0 ? '' : `[exit ${status}]\n`
  return `$ holdfast ${scene}\n${scrubbed(out + err, address)}${end}`
}

/** Without what another run would have otherwise: each in the same number of columns. */
function scrubbed(text: string, address: string): string {
  return text
    .replaceAll(
      address,
      address.replace(/\d+$/, port => '0'.repeat(port.length)),
    )
    .replace(
      /([a-z]{3})_(?!01890a5d-ac96-7000-8000-)[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}/g,
      '$1_00000000-0000-7000-8000-000000000000',
    )
    .replace(/hft_[A-Za-z0-9_-]{43}/g, `hft_${'0'.repeat(43)}`)
    .replace(/\b(?!(?:ab){32})[0-9a-f]{64}\b/g, '0'.repeat(64))
    .replace(/in \d+ ms\b/g, 'in 0 ms')
}
