"""Translation: engines that turn sentences into sentences, and what makes cues of sentences again."""
