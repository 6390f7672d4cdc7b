// A member of a group: says what it has been given and what it has read, and leaves when its input ends.
'use strict'

const { groupSettings, kafka } = require('./clients')

async function member(server, group, topic) {
  const consumer = kafka(server).consumer({ groupId: group, ...groupSettings })
  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
    const partitions = (payload.memberAssignment[topic] ?? []).sort()
    console.log(['assigned', ...partitions].join(' '))
  })
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  await consumer.run({
    autoCommit: true,
    autoCommitInterval: 100,
    eachMessage: async ({ partition, message }) => {
      console.log(`record ${partition} ${message.offset} ${message.value}`)
    },
  })
  await new Promise((resolve) => process.stdin.resume().on('end', resolve))
  await consumer.disconnect()
}

module.exports = { member }
