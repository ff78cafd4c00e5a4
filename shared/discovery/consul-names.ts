import { AppError } from '../errors/index.ts'
import { readAccess } from './consul-acl.ts'
import { serviceNamesFrom } from './consul-answer.ts'
import { nameOfQuestion, type ServiceSelector } from './consul-selector.ts'
import { type ConsulWorld, type Heard, watchQuestion } from './consul-watch.ts'

/** Every Consul has it: a list without it is one of which something is hidden. */
const ownService = 'consul'

/** Which services a selector without a name is about, or why that is not known now. */
export type NamesView =
  | { readonly kind: 'names'; readonly names: readonly string[] }
  | { readonly kind: 'failing'; readonly error: AppError }

/**
 * Follows the list of services until aborted: those with the selector's tag, or all of them. Whether an instance of
 * them passes is asked of each service. A list without any service is that of a token that may see none: denied.
 */
export async function watchNames(
  world: ConsulWorld,
  selector: ServiceSelector,
  datacenter: string | undefined,
  onView: (view: NamesView) => void,
  signal: AbortSignal,
): Promise<void> {
  const name = nameOfQuestion(selector, datacenter)
  const take = async ({ answer, connection, token }: Heard) => {
    const services = serviceNamesFrom(answer.body)
    if (services.size === 0 || (answer.filtered && !services.has(ownService))) {
      const limit = AbortSignal.any([signal, AbortSignal.timeout(10_000)])
      await readAccess(connection, token, ownService, limit)
      throw new AppError('discovery.invalid', {
        message: `consul shows no service at all for ${name}, not even its own`,
        context: { question: name },
      })
    }
    const { tag } = selector
    const names = [...services].filter(
      ([service, tags]) => service !== ownService && (tag === undefined || tags.includes(tag)),
    )
    onView({ kind: 'names', names: names.map(([service]) => service).sort() })
  }
  await watchQuestion(
    world,
    {
      query: { name, ...(datacenter === undefined ? {} : { datacenter }) },
      take,
      failed: error => onView({ kind: 'failing', error }),
      doubtLeft: () => undefined,
    },
    signal,
  )
}
