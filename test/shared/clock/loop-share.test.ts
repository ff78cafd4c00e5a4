import { expect, test } from 'vitest'
import { LoopShare } from '../../../shared/clock/index.ts'

function work(ms: number): void {
  const until = performance.now() + ms
  while (performance.now() < until);
}

test('a share is spent by time, and others had their turn when it is renewed', async () => {
  const share = new LoopShare(1)
  work(2)
  expect(share.spent).toBe(true)
  let others = false
  setImmediate(() => {
    others = true
  })
  await share.renew()
  expect(others).toBe(true)
})

test('a long share is not spent by little work', () => {
  const share = new LoopShare(60_000)
  work(1)
  expect(share.spent).toBe(false)
})
