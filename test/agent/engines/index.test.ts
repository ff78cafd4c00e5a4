import { describe, expect, it } from 'vitest'
import { engineFor } from '../../../agent/engines/index.ts'
import { engineKinds } from '../../../shared/model/engine.ts'

describe('engineFor', () => {
  it.each(['oracle', '', 'constructor', 'Postgres'])('refuses %j', kind => {
    expect(() => engineFor(kind)).toThrow(expect.objectContaining({ code: 'engine.unknown' }))
  })

  it.each(engineKinds)('gives the engine of kind %s', kind => {
    expect(engineFor(kind).kind).toBe(kind)
  })

  it('says what each engine can do: only PostgreSQL renames a database and has globals', () => {
    expect(engineKinds.filter(kind => engineFor(kind).capabilities.renameDatabase)).toEqual(['postgres'])
    expect(engineKinds.filter(kind => engineFor(kind).capabilities.globals)).toEqual(['postgres'])
  })
})
