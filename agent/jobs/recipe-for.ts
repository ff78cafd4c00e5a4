import { AppError } from '../../shared/errors/index.ts'
import type { Millis } from '../../shared/time/index.ts'
import type { Assign, AttemptRef } from '../../shared/wire/gen/holdfast/v1/agent_link.ts'
import { backupRecipe } from './backup.ts'
import { copyRecipe } from './copy.ts'
import { deleteRecipe } from './delete.ts'
import type { Recipe } from './recipe.ts'
import { restoreRecipe } from './restore.ts'
import type { Surroundings } from './surroundings.ts'
import { verifyRecipe } from './verify.ts'

/**
 * The recipe an Assign asks for.
 *
 * @throws AppError `agent.not-keeper` for a delete, `link.protocol` for a kind this version does not know, or what the recipe says of its spec
 */
export function recipeFor(assign: Assign, attempt: AttemptRef, at: Millis, world: Surroundings): Recipe {
  const { spec } = assign
  switch (spec?.$case) {
    case 'backup':
      return backupRecipe(spec.value, attempt, at, world)
    case 'restore':
      return restoreRecipe(spec.value, attempt, world, {
        onWarning: text => world.log.warn('restore', { warning: text }),
      })
    case 'delete':
      // whatever a coordinator asks for: only who was told on its own host that it may, removes anything
      if (world.keeper !== true)
        throw new AppError('agent.not-keeper', { context: { host: world.host.hostname } })
      return deleteRecipe(spec.value, world)
    case 'copy':
      return copyRecipe(spec.value, world)
    case 'verify':
      return verifyRecipe(spec.value, attempt, world)
    default:
      throw new AppError('link.protocol', {
        message: 'the coordinator asks for a kind of work this agent does not know',
        hint: 'The agent is older than the coordinator; upgrade it.',
        context: { kind: assign.kind },
      })
  }
}
