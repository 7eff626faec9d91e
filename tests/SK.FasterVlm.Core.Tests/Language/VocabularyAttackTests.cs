using System.Buffers;
using SK.FasterVlm.Core.Tests.Gguf;
using SK.FasterVlm.Gguf;
using SK.FasterVlm.Language;

namespace SK.FasterVlm.Core.Tests.Language;

/// <summary>Row F7: vocabularies that are well-formed as metadata and no vocabularies.</summary>
public sealed class VocabularyAttackTests(TinyModel tiny) : IClassFixture<TinyModel>
{
    public static TheoryData<string> Attacks =>
    [
        "no byte tokens", "bytes below zero", "bytes that are no numbers", "bytes above 255", "all alike", "all empty", "a token of a megabyte", "as many letters as a token may have", "a NUL in each", "types below zero",
        "two alike", "two alike up to a NUL", "an empty one and its name",
        "types nobody knows", "all of type byte", "all control", "scores that are not numbers", "no unknown token",
    ];

    [Theory, MemberData(nameof(Attacks))]
    public void F7_a_hostile_vocabulary_is_refused_or_harmless(string attack)
    {
        using GgufFile file = GgufFile.Open(tiny.ModelPath);
        string[] tokens = [.. file.Metadata.GetStrings("tokenizer.ggml.tokens")];
        int[] types = file.Metadata.FindInt32s("tokenizer.ggml.token_type")!;
        GgufEdit edit = GgufEdit.Model();
        bool IsByte(int i) => tokens[i].StartsWith("<0x", StringComparison.Ordinal);
        string[] Bytes(Func<int, string> name) => [.. tokens.Select((t, i) => IsByte(i) ? name(i) : t)];
        edit = attack switch
        {
            "no byte tokens" => edit.Set("tokenizer.ggml.tokens", Bytes(static i => $"xx{i}")),
            "bytes below zero" => edit.Set("tokenizer.ggml.tokens", Bytes(static _ => "<0x-1>")),
            "bytes that are no numbers" => edit.Set("tokenizer.ggml.tokens", Bytes(static _ => "<0xZZ>")),
            "bytes above 255" => edit.Set("tokenizer.ggml.tokens", Bytes(static i => $"<0x{i + 256:X}>")),
            "all alike" => edit.Set("tokenizer.ggml.tokens", tokens.Select(static _ => "a").ToArray()),
            "all empty" => edit.Set("tokenizer.ggml.tokens", tokens.Select(static _ => "").ToArray()),
            "a token of a megabyte" => edit.Set("tokenizer.ggml.tokens", tokens.Select((t, i) => i == tokens.Length - 1 ? new string('a', 1_000_000) : t).ToArray()),
            "as many letters as a token may have" => edit.Set("tokenizer.ggml.tokens", tokens.Select((t, i) => i == tokens.Length - 1 ? new string('a', 1024) : t).ToArray()),
            "a NUL in each" => edit.Set("tokenizer.ggml.tokens", tokens.Select(static t => t + "\0b").ToArray()),
            "two alike" => edit.Set("tokenizer.ggml.tokens", tokens.Select((t, i) => i == tokens.Length - 1 ? tokens[^2] : t).ToArray()),
            "two alike up to a NUL" => edit.Set("tokenizer.ggml.tokens", tokens.Select((t, i) => i == tokens.Length - 1 ? tokens[^2] + "\0b" : t).ToArray()),
            "an empty one and its name" => edit.Set("tokenizer.ggml.tokens",
                tokens.Select((t, i) => i == tokens.Length - 1 ? "" : i == tokens.Length - 2 ? $"[EMPTY_{tokens.Length - 1}]" : t).ToArray()),
            "types below zero" => edit.Set("tokenizer.ggml.token_type", types.Select(static _ => -5).ToArray()),
            "types nobody knows" => edit.Set("tokenizer.ggml.token_type", types.Select(static _ => 99).ToArray()),
            "all of type byte" => edit.Set("tokenizer.ggml.token_type", types.Select(static _ => 6).ToArray()),
            "all control" => edit.Set("tokenizer.ggml.token_type", types.Select(static _ => 3).ToArray()),
            "scores that are not numbers" => edit.Set("tokenizer.ggml.scores", types.Select(static _ => float.NaN).ToArray()),
            _ => edit.Remove("tokenizer.ggml.unknown_token_id"),
        };
        string path = Path.GetTempFileName();
        try
        {
            File.WriteAllBytes(path, edit.ToArray());
            using LlamaCppLanguageModel model = tiny.Load(path: path);
            foreach (string text in new[] { "a", "Hi \u00e9\ud83d\ude00", "\u0001\0\u007f", "<0x41></s>" })
                Assert.All(model.Tokenize(text, true).Concat(model.Tokenize(text, false)), t => Assert.InRange(t, 0, tokens.Length - 1));
            ArrayBufferWriter<byte> text2 = new();
            for (int t = 0; t < tokens.Length; t++)
            {
                model.AppendPiece(t, text2);
                _ = model.IsEndOfGeneration(t);
            }
            foreach (string? grammar in new[] { null, "root ::= [a-z]+" })
            {
                using ITokenSampler sampler = model.CreateSampler(SamplingSettings.Greedy with { Grammar = grammar });
                model.Evaluate(grammar is null ? 0 : 1, [Rows.Tokens(1)], TestContext.Current.CancellationToken);
                Assert.InRange(sampler.Sample(grammar is null ? 0 : 1), 0, tokens.Length - 1);
            }
            TestContext.Current.TestOutputHelper?.WriteLine("loads");
        }
        catch (Exception e) when (e is FasterVlmException or ArgumentException)
        {
            TestContext.Current.TestOutputHelper?.WriteLine(e.Message);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Theory]
    [InlineData("all alike")]
    [InlineData("alike up to a NUL")]
    [InlineData("all empty")]
    [InlineData("broken merges")]
    [InlineData("all of type byte")]
    public void F7_a_hostile_byte_pair_vocabulary_is_refused_or_harmless(string attack)
    {
        GgufEdit edit = GgufEdit.Model(new SyntheticModelOptions { Vocabulary = SyntheticVocabularyKind.BpeLlama3 });
        int count = edit.ToFile().Metadata.GetStrings("tokenizer.ggml.tokens").Count;
        edit = attack switch
        {
            "all alike" => edit.Set("tokenizer.ggml.tokens", Enumerable.Repeat("a", count).ToArray()),
            "alike up to a NUL" => edit.Set("tokenizer.ggml.tokens", Enumerable.Range(0, count).Select(static i => $"a\0{i}").ToArray()),
            "all empty" => edit.Set("tokenizer.ggml.tokens", Enumerable.Repeat("", count).ToArray()),
            "broken merges" => edit.Set("tokenizer.ggml.merges", new[] { "", " ", "a", "a b c", " a", "a " }),
            _ => edit.Set("tokenizer.ggml.token_type", Enumerable.Repeat(6, count).ToArray()),
        };
        string path = Path.GetTempFileName();
        try
        {
            File.WriteAllBytes(path, edit.ToArray());
            using LlamaCppLanguageModel model = tiny.Load(path: path);
            Assert.All(model.Tokenize("Hi \u00e9\ud83d\ude00", false), t => Assert.InRange(t, 0, count - 1));
            model.Evaluate(0, [Rows.Tokens(1)], TestContext.Current.CancellationToken);
        }
        catch (FasterVlmException e)
        {
            TestContext.Current.TestOutputHelper?.WriteLine(e.Message);
        }
        finally
        {
            File.Delete(path);
        }
    }
}
