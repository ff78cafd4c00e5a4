import { stat } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { waitUntil } from '../../../harness/index.ts'
import { freshStore } from '../fresh-store.ts'

test('a worker moves the write-ahead log into the file, so that no commit has to', async () => {
  await using fresh = await freshStore({ maxBatch: 1 })
  const before = (await stat(fresh.path)).size
  const writes = Array.from({ length: 510 }, (_, i) =>
    fresh.store.write('x', tx => tx.requests.put(`request-${i}`, i, 'x'.repeat(500))),
  )
  await Promise.all(writes)
  await waitUntil(async () => (await stat(fresh.path)).size > before + 250_000, {
    what: 'the checkpoint to reach the file',
  })
  expect(await fresh.store.write('x', tx => tx.requests.get('request-509'))).toHaveLength(500)
})
