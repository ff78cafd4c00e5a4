import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import { SecurityAudit } from '../../../coordinator/operations/security-audit.ts'
import type { Term } from '../../../coordinator/operations/term.ts'
import { silentLog } from '../../../shared/log/index.ts'
import { freshStore } from '../store/fresh-store.ts'

test('a thousand refusals of a minute are two rows of the audit, and the counter knows them all (J8)', async () => {
  await using fresh = await freshStore()
  const { store } = fresh
  const term = { leads: () => true, signal: new AbortController().signal, store, log: silentLog }
  const audit = new SecurityAudit(() => term as unknown as Term)
  const actor = `agent:${randomUUID()}`
  for (let i = 0; i < 1_000; i++) audit.refused(actor, 'cloned-host', 'host7', 60_000 + i)
  await store.flush()
  const rows = async () => (await store.read.audit({ size: 10 }, { actor })).items
  expect(await rows()).toMatchObject([
    { class: 'security', action: 'security.refused', reason: 'cloned-host', detail: { count: 1 } },
  ])
  audit.flush(119_999)
  await store.flush()
  expect(await rows()).toHaveLength(1)
  audit.flush(120_000)
  audit.flush(180_000)
  await store.flush()
  expect(await rows()).toMatchObject([
    { action: 'security.refused-repeatedly', detail: { count: 1_000 } },
    { action: 'security.refused' },
  ])
  expect((await store.read.counters()).get('security.refused')).toBe(1_000)
})

test('without a term nothing is written', async () => {
  await using fresh = await freshStore()
  const audit = new SecurityAudit(() => undefined)
  audit.refused('10.0.0.1', 'access.denied', 'CancelJob', 60_000)
  audit.refused('10.0.0.1', 'access.denied', 'CancelJob', 60_001)
  audit.flush(120_000)
  await fresh.store.flush()
  expect(await fresh.store.read.auditTotal()).toBe(0)
})
