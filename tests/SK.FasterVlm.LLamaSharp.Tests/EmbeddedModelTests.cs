using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text.Json;
using LLama;
using LLama.Common;
using Microsoft.Extensions.AI;
using SK.FasterVlm.BuiltInTranscript;
using SK.FasterVlm.Chat;
using SK.FasterVlm.Pruning;
using SK.FasterVlm.Vision;

namespace SK.FasterVlm.LLamaSharp.Tests;

/// <summary>
/// The embedded model on LLamaSharp, tower included: against the trainer's own data, and against the built-in implementation, which
/// runs as another process because a process holds one llama.cpp.
/// </summary>
public sealed class EmbeddedModelTests
{
    static readonly string s_root = FindRoot();
    static readonly string s_golden = Path.Combine(s_root, "models", "tiny-llava", "golden");

    static CancellationToken Test => TestContext.Current.CancellationToken;

    static string FindRoot()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
            if (File.Exists(Path.Combine(folder.FullName, "SK.FasterVlm.sln"))) return folder.FullName;
        throw new InvalidOperationException("The tests do not run inside the repository.");
    }

    static string[] Pictures()
    {
        string images = Path.Combine(s_golden, "images");
        Assert.SkipUnless(Directory.Exists(images), "this checkout has no golden data");
        return [.. Directory.EnumerateFiles(images, "*.png").Order(StringComparer.Ordinal)];
    }

    [Fact]
    public async Task Answers_and_kept_sets_are_those_of_the_trainer()
    {
        Assert.NotEmpty(Pictures());
        using JsonDocument golden = JsonDocument.Parse(await File.ReadAllBytesAsync(Path.Combine(s_golden, "golden.json"), Test));
        float[] data = MemoryMarshal.Cast<byte, float>(await File.ReadAllBytesAsync(Path.Combine(s_golden, "golden.bin"), Test)).ToArray();
        await using FasterVlmModel model = await FasterVlmModel.LoadAsync(
            new FasterVlmOptions { TowerPrecision = TowerPrecision.F32, Threads = 1 }.UseLLamaSharp(), cancellationToken: Test);
        Assert.IsType<LLamaSharpLanguageModel>(model.Language);
        using FasterVlmChatClient client = model.CreateChatClient();
        foreach (JsonElement picture in golden.RootElement.GetProperty("pictures").EnumerateArray())
        {
            byte[] bytes = await File.ReadAllBytesAsync(Path.Combine(s_golden, "images", picture.GetProperty("image").GetString()!), Test);
            JsonElement attention = picture.GetProperty("cls_attention");
            int patches = attention.GetProperty("shape")[0].GetInt32(), kept = patches / 10;
            ReadOnlySpan<float> weights = data.AsSpan(attention.GetProperty("offset").GetInt32(), patches);
            int[] expected = [.. weights.ToArray().Index().OrderByDescending(static p => p.Item).Take(kept).Select(static p => p.Index).Order()];
            using EncodedImage image = await model.Vision.EncodeAsync(bytes, Test);
            VisualTokens tokens = await model.Vision.SelectAsync(image, model.Selector, VisualTokenBudget.Count(kept), cancellationToken: Test);
            Assert.Equal(expected, tokens.Kept[0]);

            ChatMessage message = new(ChatRole.User, [new DataContent(bytes, "image/png"), new TextContent(picture.GetProperty("question").GetString()!)]);
            Assert.Equal(picture.GetProperty("answer").GetString(), (await client.GetResponseAsync([message], cancellationToken: Test)).Text);
        }
    }

    /// <summary>
    /// The tower in 32-bit floats keeps the same patches on both releases of ggml. In 8 bits the releases round products differently, so
    /// that two patches of nearly equal attention may change places at the edge of the set.
    /// </summary>
    [Theory]
    [InlineData("100%", false, TowerPrecision.F32, 0)]
    [InlineData("10%", false, TowerPrecision.F32, 0)]
    [InlineData("10%", true, TowerPrecision.F32, 0)]
    [InlineData("10%", false, TowerPrecision.Q8_0, 1)]
    public async Task Kept_sets_and_answers_are_those_of_the_built_in_implementation(
        string budget, bool ownWeights, TowerPrecision precision, int mayDiffer)
    {
        string[] pictures = Pictures();
        Transcript[] expected = await BuiltInAsync([budget, precision.ToString(), .. pictures]);
        using LLamaWeights? weights = ownWeights
            ? await LLamaWeights.LoadFromFileAsync(new ModelParams(EmbeddedModel.Locate().ModelPath) { GpuLayerCount = 0 }, Test)
            : null;
        FasterVlmOptions options = Transcript.Options(budget, precision.ToString());
        if (weights is null) options.UseLLamaSharp();
        else options.UseLLamaSharp(weights).ProjectorPath = EmbeddedModel.Locate().ProjectorPath;
        await using FasterVlmModel model = await FasterVlmModel.LoadAsync(options, cancellationToken: Test);
        Transcript[] actual = await Transcript.TakeAsync(model, pictures, Test);

        for (int i = 0; i < pictures.Length; i++)
        {
            Assert.Equal(expected[i].Kept.Length, actual[i].Kept.Length);
            Assert.InRange(expected[i].Kept.Except(actual[i].Kept).Count(), 0, mayDiffer);
            Assert.NotEmpty(actual[i].Answer);
            Assert.Equal(expected[i].Answer, actual[i].Answer);
        }
    }

    static async Task<Transcript[]> BuiltInAsync(string[] arguments)
    {
        string configuration = new DirectoryInfo(AppContext.BaseDirectory).Parent!.Name;
        string program = Path.Combine(s_root, "tests", "SK.FasterVlm.BuiltInTranscript", "bin", configuration, "net10.0", "SK.FasterVlm.BuiltInTranscript.dll");
        using Process process = Process.Start(new ProcessStartInfo("dotnet", [program, .. arguments]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        Task<string> output = process.StandardOutput.ReadToEndAsync(Test), error = process.StandardError.ReadToEndAsync(Test);
        await process.WaitForExitAsync(Test);
        Assert.True(process.ExitCode == 0, await error);
        return JsonSerializer.Deserialize<Transcript[]>(await output)!;
    }
}
