import { describe, expect, test } from 'vitest'
import { readServiceMeta } from '../../../coordinator/fleet/service-meta.ts'

describe('service meta', () => {
  test('wishes are read, whatever else is in there', () => {
    expect(
      readServiceMeta({
        team: 'orders',
        role: 'web',
        'holdfast-cluster': ' orders ',
        'holdfast-role': 'Replica',
        'holdfast-policy': 'gold',
        'holdfast-importance': '40',
      }),
    ).toEqual({
      wishes: { cluster: 'orders', role: 'replica', policy: 'gold', importance: 40 },
      problems: [],
    })
  })

  test.each(['-1', '101', '1e3', 'high', '0x10'])('importance `%s` is told, and wishes nothing', said => {
    const { wishes, problems } = readServiceMeta({ 'holdfast-importance': said })
    expect(wishes).toEqual({})
    expect(problems).toHaveLength(1)
  })

  test('an unknown role, and values that are empty', () => {
    expect(
      readServiceMeta({ 'holdfast-role': 'leader', 'holdfast-policy': '', 'holdfast-cluster': ' ' }),
    ).toEqual({
      wishes: {},
      problems: ['holdfast-role `leader` is neither primary nor replica'],
    })
  })
})
