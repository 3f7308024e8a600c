import { describe, test } from 'vitest'
import { inboxSuite } from '../../src/testkit/index.js'
import { openMemoryInbox } from '../support/inbox-stores.js'

describe('memory', () => inboxSuite({ test, open: openMemoryInbox }))
