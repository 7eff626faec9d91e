using System.Buffers;
using System.Runtime.CompilerServices;
using Microsoft.Extensions.AI;
using SK.FasterVlm.Chat;
using SK.FasterVlm.Language;
using SK.FasterVlm.Pruning;
using SK.FasterVlm.Vision;

namespace SK.FasterVlm.Core.Tests.EndToEnd;

/// <summary>Row L7: whatever is disposed in whatever order, twice, at once or never, nothing is freed twice and nothing used afterwards.</summary>
public sealed class DisposalTests(TinyPair pair) : IClassFixture<TinyPair>
{
    static CancellationToken Test => TestContext.Current.CancellationToken;

    static ChatMessage Question() => new(ChatRole.User, [new DataContent(TinyPair.Picture(), "image/png"), new TextContent("What is this?")]);

    /// <summary>A model in use, and everything of it that can be disposed.</summary>
    async Task<(FasterVlmModel Model, IDisposable[] Parts)> InUseAsync()
    {
        FasterVlmModel model = await pair.LoadAsync(static o => o.MaxOutputTokens = 4);
        FasterVlmChatClient client = model.CreateChatClient();
        await client.GetResponseAsync([Question()], cancellationToken: Test);
        EncodedImage image = await model.Vision.EncodeAsync(TinyPair.Picture(2), Test);
        ITokenSampler plain = model.Language.CreateSampler(SamplingSettings.Greedy);
        ITokenSampler grammar = model.Language.CreateSampler(SamplingSettings.Greedy with { Grammar = "root ::= \"a\" | \"b\"" });
        return (model, [model, model.Generator, model.Language, model.Vision, client, image, plain, grammar]);
    }

    [Fact]
    public async Task L7_parts_may_be_disposed_in_any_order_and_twice()
    {
        string before = await AnswerAsync();
        Random random = new(5);
        for (int round = 0; round < 12; round++)
        {
            (_, IDisposable[] parts) = await InUseAsync();
            random.Shuffle(parts);
            foreach (IDisposable part in parts) part.Dispose();
            random.Shuffle(parts);
            foreach (IDisposable part in parts) part.Dispose();
        }
        Assert.Equal(before, await AnswerAsync());
    }

    [Fact]
    public async Task L7_parts_may_be_disposed_by_many_at_once_while_requests_run()
    {
        string before = await AnswerAsync();
        for (int round = 0; round < 6; round++)
        {
            (FasterVlmModel model, IDisposable[] parts) = await InUseAsync();
            using FasterVlmChatClient client = model.CreateChatClient();
            Task[] requests = [.. Enumerable.Range(0, 3).Select(_ => client.GetResponseAsync([Question()], new() { MaxOutputTokens = 100 }, Test))];
            // The language model and the encoder are the model's own to dispose while requests use them.
            IDisposable[] own = [.. parts.Where(static p => p is not (ILanguageModel or IVisionEncoder))];
            await Task.WhenAll(Enumerable.Range(0, 4).SelectMany(_ => own.Select(p => Task.Run(p.Dispose, Test))));
            foreach (Task request in requests)
            {
                try
                {
                    await request;
                }
                catch (ObjectDisposedException)
                {
                }
            }
        }
        Assert.Equal(before, await AnswerAsync());
    }

    [Fact]
    public async Task L7_whatever_is_used_after_its_end_says_that_it_is_disposed()
    {
        (FasterVlmModel model, IDisposable[] parts) = await InUseAsync();
        EncodedImage image = parts.OfType<EncodedImage>().Single();
        EncodedImage late = await model.Vision.EncodeAsync(TinyPair.Picture(3), Test);
        FasterVlmChatClient client = model.CreateChatClient();
        image.Dispose();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => model.Vision.SelectAsync(image, new ClsAttentionSelector(), VisualTokenBudget.All, cancellationToken: Test));
        await model.DisposeAsync();
        Func<Task>[] uses =
        [
            () => client.GetResponseAsync([Question()], cancellationToken: Test),
            async () => { await foreach (ChatResponseUpdate _ in client.GetStreamingResponseAsync([Question()], cancellationToken: Test)) { } },
            () => model.Generator.CompleteAsync(new() { Prompt = [PromptSegment.UserText("a")], Selector = model.Selector }, Test),
            () => model.Vision.EncodeAsync(TinyPair.Picture(), Test),
            () => model.Vision.SelectAsync(late, new ClsAttentionSelector(), VisualTokenBudget.All, cancellationToken: Test),
            () => Task.FromResult(model.Language.Tokenize("a", false)),
            () => Task.FromResult(model.Language.IsEndOfGeneration(1)),
            () => Task.FromResult(model.Language.SequenceLength(0)),
            () => Task.FromResult(model.Language.GetLogits(0).Length),
            () => Task.FromResult(model.Language.CreateSampler(SamplingSettings.Greedy)),
            () => Task.FromResult(parts.OfType<ITokenSampler>().First().Sample(0)),
            () => { model.Language.AppendPiece(5, new ArrayBufferWriter<byte>()); return Task.CompletedTask; },
            () => { model.Language.TrimSequence(0, 0); return Task.CompletedTask; },
            () => { model.Language.CopySequence(0, 1, 0); return Task.CompletedTask; },
            () => { model.Language.Evaluate(0, [PromptRows.FromTokens(new[] { 1 })], Test); return Task.CompletedTask; },
            () => { model.Language.Evaluate([new SequenceRows(0, PromptRows.FromTokens(new[] { 1 }))], Test); return Task.CompletedTask; },
        ];
        for (int i = 0; i < uses.Length; i++)
        {
            Exception? error = await Record.ExceptionAsync(uses[i]);
            Assert.True(error is ObjectDisposedException, $"use {i}: {error?.GetType().Name ?? "no error"}");
        }
        late.Dispose();
    }

    [Fact]
    public async Task L7_what_nobody_disposes_is_finalised_in_any_order()
    {
        string before = await AnswerAsync();
        for (int round = 0; round < 4; round++)
        {
            await AbandonAsync();
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }
        Assert.Equal(before, await AnswerAsync());
    }

    // In a method of its own, so that nothing of it is still in a local variable when the collector comes.
    [MethodImpl(MethodImplOptions.NoInlining)]
    async Task AbandonAsync()
    {
        FasterVlmModel model = await pair.LoadAsync();
        EncodedImage image = await model.Vision.EncodeAsync(TinyPair.Picture(2), Test);
        await model.Vision.SelectAsync(image, new ClsAttentionSelector(), VisualTokenBudget.Count(3), cancellationToken: Test);
        ITokenSampler sampler = model.Language.CreateSampler(SamplingSettings.Greedy with { Grammar = "root ::= \"a\"" });
        model.Language.Evaluate(0, [PromptRows.FromTokens(new[] { 1 })], Test);
        Assert.True(sampler.Sample(0) >= 0);
    }

    async Task<string> AnswerAsync()
    {
        await using FasterVlmModel model = await pair.LoadAsync();
        return await TinyPair.AnswerAsync(model);
    }
}
