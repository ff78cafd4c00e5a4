import { expect, test } from 'vitest'
import { versionSkew } from '../../../coordinator/fleet/version-skew.ts'

test.each([
  ['1.4.2', '1.4.2', 'same'],
  ['1.2.9', '1.4.2', '2 minor older'],
  ['1.4.3', '1.4.2', '1 patch newer'],
  ['2.0.0', '1.9.9', '1 major newer'],
  ['1.4.2+build7', '1.4.2', 'other build'],
  ['', '1.4.2', 'unknown'],
  ['latest', '1.4.2', 'unknown'],
])('an agent of %j against a coordinator of %s is %s', (agent, own, skew) => {
  expect(versionSkew(agent, own)).toBe(skew)
})
