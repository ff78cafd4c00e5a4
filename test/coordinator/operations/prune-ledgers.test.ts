import { expect, test } from 'vitest'
import { waitUntil } from '../../harness/index.ts'
import { running } from '../running.ts'

const day = 86_400_000

test('a new term removes bookkeeping past its time, however much there is, and leaves what is younger', async () => {
  await using fleet = await running()
  const now = Date.now()
  await fleet.store.write('x', async tx => {
    for (let i = 0; i < 1_200; i++) await tx.results.put(`old-${i}`, now - 31 * day, 'recorded')
    await tx.results.put('young', now - 29 * day, 'recorded')
    await tx.requests.put('old', now - 8 * day, '{}')
    await tx.requests.put('young', now - 6 * day, '{}')
  })
  await fleet.restart()
  const known = () =>
    fleet.store.write('x', async tx => ({
      first: await tx.results.get('old-0'),
      last: await tx.results.get('old-1199'),
      result: await tx.results.get('young'),
      oldRequest: await tx.requests.get('old'),
      request: await tx.requests.get('young'),
    }))
  await waitUntil(
    async () => {
      const { first, last, oldRequest } = await known()
      return first === undefined && last === undefined && oldRequest === undefined
    },
    { what: 'the old rows to be gone' },
  )
  expect(await known()).toMatchObject({ result: 'recorded', request: '{}' })
})
