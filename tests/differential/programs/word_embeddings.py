"""N-grams and skip-grams."""

import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim

torch.manual_seed(1)
word_to_ix = {"hello": 0, "world": 1}
embeds = nn.Embedding(2, 5)
lookup_tensor = torch.tensor([word_to_ix["hello"]], dtype=torch.long)
hello_embed = embeds(lookup_tensor)
print(hello_embed)
CONTEXT_SIZE = 2
EMBEDDING_DIM = 10
test_sentence = "When forty winters shall besiege thy brow,\nAnd dig deep trenches in thy beauty's field,\nThy youth's proud livery so gazed on now".split()
ngrams = [
    ([test_sentence[i - j - 1] for j in range(CONTEXT_SIZE)], test_sentence[i])
    for i in range(CONTEXT_SIZE, len(test_sentence))
]
print(ngrams[:3])
vocab = sorted(set(test_sentence))
word_to_ix = {w: i for i, w in enumerate(vocab)}


class NGramLanguageModeler(nn.Module):
    def __init__(self, vocab_size, embedding_dim, context_size):
        super().__init__()
        self.embeddings = nn.Embedding(vocab_size, embedding_dim)
        self.linear1 = nn.Linear(context_size * embedding_dim, 128)
        self.linear2 = nn.Linear(128, vocab_size)

    def forward(self, inputs):
        embeds = self.embeddings(inputs).view((1, -1))
        out = F.relu(self.linear1(embeds))
        return F.log_softmax(self.linear2(out), dim=1)


losses = []
loss_function = nn.NLLLoss()
model = NGramLanguageModeler(len(vocab), EMBEDDING_DIM, CONTEXT_SIZE)
optimizer = optim.SGD(model.parameters(), lr=0.01)
for epoch in range(6):
    total_loss = 0
    for context, target in ngrams:
        ci = torch.tensor([word_to_ix[w] for w in context], dtype=torch.long)
        model.zero_grad()
        log_probs = model(ci)
        loss = loss_function(log_probs, torch.tensor([word_to_ix[target]], dtype=torch.long))
        loss.backward()
        optimizer.step()
        total_loss += loss.item()
    losses.append(round(total_loss, 4))
print(losses)
print(model.embeddings.weight[word_to_ix["thy"]])
e = nn.Embedding(20, 4)
o = nn.Embedding(20, 4)
opt = optim.Adagrad(list(e.parameters()) + list(o.parameters()), lr=0.1)
for s in range(10):
    c = torch.randint(0, 20, (8,))
    p = torch.randint(0, 20, (8,))
    n = torch.randint(0, 20, (8, 5))
    pos = F.logsigmoid((e(c) * o(p)).sum(-1))
    neg = F.logsigmoid(-torch.bmm(o(n), e(c).unsqueeze(2)).squeeze(2)).sum(1)
    loss = -(pos + neg).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
    print(f"{loss:.4f}")
sim = F.cosine_similarity(e.weight.unsqueeze(1), e.weight.unsqueeze(0), dim=-1)
v, i = sim.topk(3, dim=1)
print(v[:4], i[:4])
print(F.normalize(e.weight, dim=1)[:2])
try:
    e(torch.tensor([25]))
except Exception as ex:
    print(type(ex).__name__, ex)
try:
    e(torch.tensor([1.0]))
except Exception as ex:
    print(type(ex).__name__, ex)
