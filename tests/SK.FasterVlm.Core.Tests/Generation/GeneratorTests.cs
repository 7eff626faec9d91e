using SK.FasterVlm.Chat;
using SK.FasterVlm.Core.Tests.Fakes;
using SK.FasterVlm.Generation;
using SK.FasterVlm.Pruning;
using SK.FasterVlm.Vision;

namespace SK.FasterVlm.Core.Tests.Generation;

public class GeneratorTests
{
    static readonly ClsAttentionSelector s_selector = new();

    // What a request leaves behind shows only where nothing is meant to stay.
    static readonly FasterVlmOptions s_noCaches = new() { PrefixCache = false, ImageCacheBytes = 0 };

    static GenerationRequest Ask(string text, params string[] images) => new()
    {
        Prompt = [.. images.Select(static (_, i) => PromptSegment.Image(i)), PromptSegment.UserText(text)],
        Images = [.. images.Select(static i => ImageInput.FromBytes(System.Text.Encoding.UTF8.GetBytes(i)))],
        Selector = s_selector,
    };

    static async Task<List<GenerationUpdate>> All(IAsyncEnumerable<GenerationUpdate> updates)
    {
        List<GenerationUpdate> all = [];
        await foreach (GenerationUpdate update in updates) all.Add(update);
        return all;
    }

    static CancellationToken Test => TestContext.Current.CancellationToken;

    public class Answers
    {
        [Fact]
        public async Task An_answer_streams_and_ends_with_its_statistics()
        {
            using ScriptedLanguageModel model = new(" Yes.");
            await using Generator generator = new(model, new FakeVisionEncoder(), options: s_noCaches);
            List<GenerationUpdate> updates = await All(generator.GenerateAsync(Ask("Hi?", "A"), Test));
            Assert.Equal("Yes.", string.Concat(updates.Select(static u => u.Text)));
            Assert.All(updates.SkipLast(1), static u => Assert.True(u.End is null && u.Text.Length > 0));
            Assert.Equal(GenerationEnd.Stop, updates[^1].End);
            GenerationStatistics statistics = updates[^1].Statistics!;
            Assert.Equal((1 + 16 + 3, 5), (statistics.PromptTokens, statistics.OutputTokens));
            Assert.Equal((16, 16), (statistics.VisualTokensKept, statistics.VisualTokensTotal));
            Assert.Equal((1 + 16 + 3 + 5) * 10, statistics.KvBytes);
            Assert.Empty(model.Rows);
            Assert.Equal(0, model.SamplersAlive);
        }

        [Fact]
        public async Task Kept_rows_of_several_images_stand_in_raster_order_where_the_prompt_has_them()
        {
            using ScriptedLanguageModel model = new("x");
            FakeVisionEncoder vision = new();
            await using Generator generator = new(model, vision, options: s_noCaches);
            GenerationRequest request = Ask("q", "A", "B") with { Budget = VisualTokenBudget.Count(2) };
            GenerationResult result = await generator.CompleteAsync(request, Test);
            Assert.Equal(["1", "e6514", "e6515", "e6614", "e6615", $"{16 + 'q'}"], model.Prompts[0]);
            Assert.Equal([14, 15], result.Statistics.Images[1].Kept[0]);
            Assert.Equal((4, 32), (result.Statistics.VisualTokensKept, result.Statistics.VisualTokensTotal));
            Assert.Equal(0, vision.Alive);
        }

        [Fact]
        public async Task No_visual_tokens_at_all_is_a_prompt_too()
        {
            using ScriptedLanguageModel model = new("x");
            await using Generator generator = new(model, new FakeVisionEncoder(), options: s_noCaches);
            await generator.CompleteAsync(Ask("q", "A") with { Budget = VisualTokenBudget.Count(0) }, Test);
            Assert.Equal(["1", $"{16 + 'q'}"], model.Prompts[0]);
        }

        [Fact]
        public async Task An_encoded_image_of_the_caller_is_used_and_left_alive()
        {
            using ScriptedLanguageModel model = new("x");
            FakeVisionEncoder vision = new();
            await using Generator generator = new(model, vision, options: s_noCaches);
            using EncodedImage encoded = await vision.EncodeAsync("A"u8.ToArray(), null, null, Test);
            await generator.CompleteAsync(Ask("q", "A") with { Images = [ImageInput.FromEncoded(encoded)] }, Test);
            Assert.Equal((1, 1), (vision.Encoded, vision.Alive));
        }

        [Fact]
        public async Task The_most_tokens_end_an_answer()
        {
            using ScriptedLanguageModel model = new("abcdef");
            await using Generator generator = new(model, null, options: s_noCaches);
            GenerationResult result = await generator.CompleteAsync(Ask("q") with { MaxOutputTokens = 3 }, Test);
            Assert.Equal(("abc", GenerationEnd.Length, 3), (result.Text, result.End, result.Statistics.OutputTokens));
        }

        [Fact]
        public async Task White_space_at_the_start_can_be_kept()
        {
            using ScriptedLanguageModel model = new(" \n a ");
            await using Generator generator = new(model, null, options: s_noCaches);
            Assert.Equal("a ", (await generator.CompleteAsync(Ask("q"), Test)).Text);
            Assert.Equal(" \n a ", (await generator.CompleteAsync(Ask("q") with { TrimStart = false }, Test)).Text);
        }

        [Fact]
        public async Task A_request_that_contradicts_itself_is_refused_at_once()
        {
            using ScriptedLanguageModel model = new("x");
            await using Generator generator = new(model, null, options: s_noCaches);
            Assert.Throws<ArgumentOutOfRangeException>(() => generator.GenerateAsync(Ask("q") with { MaxOutputTokens = 0 }, Test));
            Assert.Throws<ArgumentException>(() => generator.GenerateAsync(Ask("q") with { Stop = [""] }, Test));
            Assert.Throws<ArgumentException>(() => generator.GenerateAsync(Ask("q", "A"), Test));
            Assert.Throws<ArgumentException>(() => generator.GenerateAsync(Ask("q") with { Prompt = [PromptSegment.Image(0)] }, Test));
        }
    }

    public class Context
    {
        [Theory]
        [InlineData(98, true)]
        [InlineData(99, true)]
        [InlineData(100, false)]
        [InlineData(101, false)]
        public async Task A_prompt_that_leaves_no_position_is_refused_with_the_numbers_before_evaluation(int prompt, bool fits)
        {
            using ScriptedLanguageModel model = new(new string('a', 50)) { ContextLength = 100 };
            await using Generator generator = new(model, new FakeVisionEncoder(), options: s_noCaches);
            GenerationRequest request = Ask(new string('q', prompt - 1 - 16), "A");
            if (fits)
            {
                GenerationResult result = await generator.CompleteAsync(request, Test);
                // The last token needs no position of its own: it is shown, not evaluated.
                Assert.Equal((GenerationEnd.Length, 100 - prompt + 1), (result.End, result.Statistics.OutputTokens));
                return;
            }
            var error = await Assert.ThrowsAsync<ContextLengthException>(() => generator.CompleteAsync(request, Test));
            Assert.Equal((prompt + 1, 100, 16), (error.Required, error.Available, error.VisualTokens));
            Assert.Empty(model.Prompts);
        }

        [Fact]
        public async Task A_text_that_is_too_long_is_refused_before_its_images_are_encoded()
        {
            using ScriptedLanguageModel model = new("x");
            FakeVisionEncoder vision = new();
            await using Generator generator = new(model, vision, options: s_noCaches);
            string words = string.Concat(Enumerable.Repeat("word ", 100_000));
            var error = await Assert.ThrowsAsync<ContextLengthException>(() => generator.CompleteAsync(Ask(words, "A"), Test));
            Assert.Equal(500_002, error.Required);
            Assert.Equal(0, vision.Encoded);
        }
    }

    public class Texts
    {
        [Theory]
        [InlineData("one two STOP three", new[] { "STOP" }, "one two ")]
        [InlineData("one STO two", new[] { "STOP" }, "one STO two")]
        [InlineData("ababac end", new[] { "abac" }, "ab")]
        [InlineData("xxSTOP", new[] { "OP", "STOP" }, "xx")]
        [InlineData("answer STO", new[] { "STOP" }, "answer STO")]
        [InlineData("é STOP", new[] { "é S" }, "")]
        public async Task Stop_texts_are_found_across_tokens_and_not_shown(string answer, string[] stops, string expected)
        {
            using ScriptedLanguageModel model = new(answer);
            await using Generator generator = new(model, null, options: s_noCaches);
            GenerationResult result = await generator.CompleteAsync(Ask("q") with { Stop = stops }, Test);
            Assert.Equal((expected, GenerationEnd.Stop), (result.Text, result.End));
        }

        [Fact]
        public void Only_what_may_become_a_stop_text_is_held_back()
        {
            StopText stop = new(["STOP"]);
            Assert.Equal("ab", stop.Push("abST"));
            Assert.Equal("STXa", stop.Push("Xa"));
            Assert.Equal("", stop.Push("STO"));
            Assert.Equal("STO", stop.Flush());
        }

        [Fact]
        public async Task A_character_split_over_tokens_is_shown_whole()
        {
            using ScriptedLanguageModel model = new("naïve 🐈‍⬛ 图");
            await using Generator generator = new(model, null, options: s_noCaches);
            List<GenerationUpdate> updates = await All(generator.GenerateAsync(Ask("q"), Test));
            Assert.Equal("naïve 🐈‍⬛ 图", string.Concat(updates.Select(static u => u.Text)));
            Assert.All(updates, static u => Assert.DoesNotContain('\ufffd', u.Text));
            Assert.All(updates, static u => Assert.False(u.Text.Length > 0 && char.IsHighSurrogate(u.Text[^1])));
        }

        [Fact]
        public async Task A_character_that_is_never_completed_becomes_a_replacement_character()
        {
            using ScriptedLanguageModel model = new();
            int broken = model.AddPiece((byte)'a', 0xE2, 0x82);
            model.Next = step => step == 0 ? broken : ScriptedLanguageModel.Eos;
            await using Generator generator = new(model, null, options: s_noCaches);
            Assert.Equal("a\ufffd", (await generator.CompleteAsync(Ask("q"), Test)).Text);
        }
    }

    public class Cancellation
    {
        [Theory]
        [InlineData("encode")]
        [InlineData("prefill")]
        [InlineData("token")]
        public async Task Cancelling_at_any_stage_frees_the_model(string stage)
        {
            using ScriptedLanguageModel model = new("abc", "next");
            FakeVisionEncoder vision = new();
            await using Generator generator = new(model, vision, options: s_noCaches);
            using CancellationTokenSource cancel = new();
            int evaluations = 0;
            if (stage == "encode") vision.OnEncode = _ => cancel.CancelAsync();
            else model.OnEvaluate = _ =>
            {
                if (++evaluations == (stage == "prefill" ? 1 : 3)) cancel.Cancel();
            };
            var error = await Assert.ThrowsAnyAsync<OperationCanceledException>(() => generator.CompleteAsync(Ask("q", "A"), cancel.Token));
            Assert.Equal(cancel.Token, error.CancellationToken);
            Assert.Empty(model.Rows);
            Assert.Equal((0, 0), (model.SamplersAlive, vision.Alive));

            vision.OnEncode = null;
            model.OnEvaluate = null;
            Assert.NotEmpty((await generator.CompleteAsync(Ask("q", "A"), Test)).Text);
        }

        [Fact]
        public async Task Cancelling_at_any_step_leaves_no_half_finished_request()
        {
            using ScriptedLanguageModel model = new("abcdefgh");
            FakeVisionEncoder vision = new();
            await using Generator generator = new(model, vision, options: s_noCaches);
            // The n-th checkpoint cancels, for n = 1, 2, ... until a request gets through.
            for (int n = 1; ; n++)
            {
                using CancellationTokenSource cancel = new();
                int checkpoint = 0;
                void Pass()
                {
                    if (++checkpoint == n) cancel.Cancel();
                }
                vision.OnEncode = _ =>
                {
                    Pass();
                    return Task.CompletedTask;
                };
                model.OnEvaluate = _ => Pass();
                string? text = null;
                try
                {
                    text = (await generator.CompleteAsync(Ask("q", "A", "B"), cancel.Token)).Text;
                }
                catch (OperationCanceledException)
                {
                }
                Assert.Empty(model.Rows);
                Assert.Equal((0, 0), (model.SamplersAlive, vision.Alive));
                if (text is null) continue;
                Assert.Equal(("abcdefgh", 12), (text, n)); // 2 images, the prompt, 8 tokens
                return;
            }
        }

        [Fact]
        public async Task A_cancelled_request_gives_up_its_place_in_the_line()
        {
            using ScriptedLanguageModel model = new("first", "second");
            await using Generator generator = new(model, null, options: s_noCaches);
            TaskCompletionSource entered = new();
            using ManualResetEventSlim hold = new();
            model.OnEvaluate = token =>
            {
                entered.TrySetResult();
                hold.Wait(token);
            };
            Task<GenerationResult> first = generator.CompleteAsync(Ask("1"), Test);
            await entered.Task;
            using CancellationTokenSource cancel = new();
            Task<GenerationResult> cancelled = generator.CompleteAsync(Ask("2"), cancel.Token);
            Task<GenerationResult> last = generator.CompleteAsync(Ask("3"), Test);
            await cancel.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => cancelled);
            Assert.False(first.IsCompleted || last.IsCompleted);
            hold.Set();
            Assert.Equal(("first", "second"), ((await first).Text, (await last).Text));
        }

        [Fact]
        public async Task A_consumer_that_stops_early_frees_the_model()
        {
            using ScriptedLanguageModel model = new(new string('a', 3000));
            await using Generator generator = new(model, null, options: s_noCaches);
            int evaluations = 0;
            bool cancelled = false;
            model.OnEvaluate = token =>
            {
                if (++evaluations == 3) cancelled = token.WaitHandle.WaitOne(TimeSpan.FromSeconds(30));
            };
            await foreach (GenerationUpdate _ in generator.GenerateAsync(Ask("q") with { MaxOutputTokens = 3000 }, Test)) break;
            Assert.Equal((true, 3), (cancelled, evaluations));
            model.OnEvaluate = null;
            Assert.Empty(model.Rows);
            Assert.Equal(0, model.SamplersAlive);
            Assert.NotEmpty((await generator.CompleteAsync(Ask("q") with { MaxOutputTokens = 2 }, Test)).Text);
        }

        [Fact]
        public async Task A_slow_consumer_does_not_hold_the_model()
        {
            using ScriptedLanguageModel model = new("first", "second");
            await using Generator generator = new(model, null, options: s_noCaches);
            await using IAsyncEnumerator<GenerationUpdate> slow = generator.GenerateAsync(Ask("q"), Test).GetAsyncEnumerator(Test);
            Assert.True(await slow.MoveNextAsync());
            Assert.Equal("second", (await generator.CompleteAsync(Ask("q"), Test)).Text);
            Assert.True(await slow.MoveNextAsync());
        }

        [Fact]
        public async Task Disposing_ends_running_and_refuses_new_requests()
        {
            using ScriptedLanguageModel model = new(new string('a', 3000));
            Generator generator = new(model, null, options: s_noCaches);
            TaskCompletionSource entered = new();
            model.OnEvaluate = token =>
            {
                entered.TrySetResult();
                token.WaitHandle.WaitOne();
            };
            Task<GenerationResult> running = generator.CompleteAsync(Ask("q"), Test);
            Task<GenerationResult> waiting = generator.CompleteAsync(Ask("q"), Test);
            await entered.Task;
            await generator.DisposeAsync();
            await Assert.ThrowsAsync<ObjectDisposedException>(() => running);
            await Assert.ThrowsAsync<ObjectDisposedException>(() => waiting);
            Assert.Throws<ObjectDisposedException>(() => generator.GenerateAsync(Ask("q"), Test));
            Assert.Equal(0, model.SamplersAlive);
            generator.Dispose();
            await generator.DisposeAsync();
        }
    }

    public class Concurrency
    {
        [Fact]
        public async Task Many_requests_at_once_get_their_own_answers_in_order_of_arrival()
        {
            using ScriptedLanguageModel model = new([.. Enumerable.Range(0, 64).Select(static i => $"answer {i}")]);
            await using Generator generator = new(model, new FakeVisionEncoder(), options: s_noCaches);
            Task<GenerationResult>[] requests = [.. Enumerable.Range(0, 64).Select(_ => generator.CompleteAsync(Ask("q", "A"), Test))];
            GenerationResult[] results = await Task.WhenAll(requests);
            Assert.Equal(64, results.Select(static r => r.Text).Distinct().Count());
            Assert.Empty(model.Rows);
        }

        [Fact]
        public async Task Images_are_encoded_while_another_request_generates()
        {
            using ScriptedLanguageModel model = new("x");
            FakeVisionEncoder vision = new();
            await using Generator generator = new(model, vision, options: s_noCaches);
            TaskCompletionSource encodedSecond = new();
            model.OnEvaluate = _ => encodedSecond.Task.Wait(Test);
            Task<GenerationResult> first = generator.CompleteAsync(Ask("1"), Test);
            vision.OnEncode = _ =>
            {
                encodedSecond.TrySetResult();
                return Task.CompletedTask;
            };
            Task<GenerationResult> second = generator.CompleteAsync(Ask("2", "A"), Test);
            await Task.WhenAll(first, second);
        }

        [Fact]
        public async Task An_error_of_one_request_leaves_the_next_alone()
        {
            using ScriptedLanguageModel model = new("fine");
            await using Generator generator = new(model, new FakeVisionEncoder(), options: s_noCaches);
            model.OnEvaluate = static _ => throw new NativeRuntimeException("broken");
            await Assert.ThrowsAsync<NativeRuntimeException>(() => generator.CompleteAsync(Ask("q"), Test));
            await Assert.ThrowsAsync<ImageFormatException>(() => generator.CompleteAsync(Ask("q", ""), Test));
            model.OnEvaluate = null;
            Assert.Equal("fine", (await generator.CompleteAsync(Ask("q", "A"), Test)).Text);
        }
    }
}
