import { describe, expect, test } from 'vitest'
import { InventoryAssembly, type InventoryChunk } from '../../../coordinator/fleet/inventory-assembly.ts'
import { newId } from '../../../shared/clock/index.ts'
import { AppError } from '../../../shared/errors/index.ts'

const instanceId = newId('instance')
const facts = {
  serverVersion: '15',
  role: 'primary' as const,
  evidence: [],
  missingPrivileges: [],
  hasGlobals: true,
}
const database = (name: string) => ({ name, sizeBytes: 1, connectable: true, evidence: [] })

function chunk(over: Partial<InventoryChunk>): InventoryChunk {
  return { instanceId, generation: 1, chunk: 0, last: false, databases: [], ...over }
}

describe('inventory in chunks', () => {
  test.each([0, 1])('a generation counts when its last chunk came; chunks may count from %i', from => {
    const assembly = new InventoryAssembly(100_000)
    expect(assembly.take(chunk({ chunk: from, facts, databases: [database('a')] })).kind).toBe('more')
    const whole = assembly.take(chunk({ chunk: from + 1, last: true, databases: [database('b')] }))
    expect(whole).toMatchObject({
      kind: 'whole',
      inventory: { facts, databases: [{ name: 'a' }, { name: 'b' }] },
    })
  })

  test('half a list never counts as a whole one: a missing chunk drops the generation', () => {
    const assembly = new InventoryAssembly(100_000)
    assembly.take(chunk({ facts, databases: [database('a')] }))
    expect(assembly.take(chunk({ chunk: 2, last: true }))).toEqual({
      kind: 'refused',
      reason: 'inventory-chunk-missing',
    })
    expect(assembly.take(chunk({ chunk: 1, last: true }))).toMatchObject({ kind: 'refused' })
  })

  test('after a refused first chunk the rest of the generation is refused too', () => {
    const assembly = new InventoryAssembly(100_000)
    const huge = chunk({ facts, databases: [database('x'.repeat(600_000))] })
    expect(assembly.take(huge)).toEqual({ kind: 'refused', reason: 'inventory-chunk-too-large' })
    expect(assembly.take(chunk({ chunk: 1, last: true, databases: [database('b')] })).kind).toBe('refused')
  })

  test('a newer generation drops what an older one left unfinished', () => {
    const assembly = new InventoryAssembly(100_000)
    assembly.take(chunk({ facts, databases: [database('old')] }))
    const whole = assembly.take(chunk({ generation: 2, facts, last: true, databases: [database('new')] }))
    expect(whole).toMatchObject({ kind: 'whole', inventory: { databases: [{ name: 'new' }] } })
  })

  test('instances do not disturb each other', () => {
    const assembly = new InventoryAssembly(100_000)
    const other = newId('instance')
    assembly.take(chunk({ facts, databases: [database('a')] }))
    assembly.take(chunk({ instanceId: other, facts, databases: [database('x')] }))
    expect(assembly.take(chunk({ chunk: 1, last: true }))).toMatchObject({
      kind: 'whole',
      inventory: { instanceId, databases: [{ name: 'a' }] },
    })
  })

  test('a failure is told at once and drops what was begun', () => {
    const assembly = new InventoryAssembly(100_000)
    assembly.take(chunk({ facts, databases: [database('a')] }))
    const failure = new AppError('database.unreachable').toFailure()
    expect(assembly.take(chunk({ failure }))).toEqual({
      kind: 'whole',
      inventory: { instanceId, databases: [], failure },
    })
    expect(assembly.take(chunk({ chunk: 1, last: true })).kind).toBe('refused')
  })

  test('50,000 databases of one instance come together; one beyond what is allowed drops them all', () => {
    const send = (count: number) => {
      const assembly = new InventoryAssembly(50_000)
      const names = Array.from({ length: count }, (_, n) => database(`tenant_${n}`))
      for (let n = 0; ; n++) {
        const databases = names.slice(n * 500, (n + 1) * 500)
        const last = (n + 1) * 500 >= count
        const taken = assembly.take(chunk({ chunk: n, databases, last, ...(n === 0 ? { facts } : {}) }))
        if (taken.kind !== 'more') return taken
      }
    }
    const whole = send(50_000)
    expect(whole.kind === 'whole' && whole.inventory.databases.length).toBe(50_000)
    expect(send(50_001)).toEqual({ kind: 'refused', reason: 'inventory-too-large' })
  })
})
