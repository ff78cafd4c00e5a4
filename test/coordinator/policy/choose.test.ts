import { describe, expect, it } from 'vitest'
import { choosePolicy, type PolicySubject } from '../../../coordinator/policy/index.ts'
import { policyNamed } from './policy-maker.ts'

const shop: PolicySubject = {
  engine: 'postgres',
  service: 'orders-db',
  datacenter: 'fra',
  scope: 'database',
  name: 'shop',
}
const globals: PolicySubject = { ...shop, scope: 'cluster', name: '' }

describe('choosing a policy', () => {
  it('finds none when none matches, and says of each why', () => {
    const choice = choosePolicy(
      [
        policyNamed('a', { selector: { engines: ['mysql'] } }),
        policyNamed('b', { selector: { services: ['billing-db'] } }),
        policyNamed('c', { selector: { datacenters: ['ams'] } }),
        policyNamed('d', { selector: { databases: ['billing*'] } }),
        policyNamed('e', { selector: { exclude: ['sh*'] } }),
      ],
      shop,
    )
    expect(choice.policy).toBeUndefined()
    expect(choice.reasons.map(({ policy, code }) => `${policy} ${code}`)).toEqual([
      'a other-engine',
      'b other-service',
      'c other-datacenter',
      'd other-database',
      'e excluded',
    ])
  })

  it('finds none in an empty list', () => {
    expect(choosePolicy([], shop)).toEqual({ reasons: [] })
  })

  it('takes the first that matches, not the most exact', () => {
    const all = policyNamed('all')
    const choice = choosePolicy([all, policyNamed('exact', { selector: { databases: ['shop'] } })], shop)
    expect(choice.policy).toBe(all)
    expect(choice.reasons).toHaveLength(1)
  })

  it('demands every field of a selector', () => {
    const selector = { engines: ['postgres'], services: ['orders-db'], databases: ['shop'] }
    expect(choosePolicy([policyNamed('p', { selector })], shop).policy?.name).toBe('p')
    expect(
      choosePolicy([policyNamed('p', { selector: { ...selector, services: [] } })], shop).policy,
    ).toBeUndefined()
  })

  it('speaks for globals only with * or without a list of databases', () => {
    const named = (databases: string[]) => [policyNamed('p', { selector: { databases } })]
    expect(choosePolicy(named(['shop']), globals).policy).toBeUndefined()
    expect(choosePolicy(named(['s*']), globals).policy).toBeUndefined()
    expect(choosePolicy(named(['*']), globals).policy?.name).toBe('p')
    expect(choosePolicy([policyNamed('p', { selector: { exclude: ['tmp*'] } })], globals).policy?.name).toBe(
      'p',
    )
  })
})
