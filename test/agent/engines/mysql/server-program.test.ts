import { describe, expect, it } from 'vitest'
import { chooseServer } from '../../../../agent/engines/mysql/server-program.ts'

describe('the server a backup is restored into', () => {
  const there = ['10.6.12', '10.11.8', '10.11.2', '11.4.2', '12.0.1']
  it.each<[string, string | undefined, string]>([
    ['10.11.6-MariaDB-log', '10.11.2', 'its own series, of whatever patch'],
    ['10.5.9-MariaDB', '10.6.12', 'the oldest newer one'],
    ['11.0.1-MariaDB', '11.4.2', 'the oldest newer one'],
    ['12.1.0-MariaDB', undefined, 'none that is older'],
    ['', undefined, 'none for what is no version'],
  ])('of %s is %s: %s', (version, chosen, _why) => {
    expect(chooseServer(there, version)).toBe(chosen)
  })

  it('is none where there is none', () => {
    expect(chooseServer([], '10.11.6')).toBeUndefined()
  })
})
