using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using SK.FasterVlm.Evaluation.Formats;

namespace SK.FasterVlm.Evaluation.Running;

/// <summary>
/// Puts a benchmark's questions to a model under every configuration of a sweep. Goes image by image: each is encoded once, then
/// asked about under every configuration (all questions of one configuration together, which lets the engine reuse the evaluated image).
/// </summary>
/// <remarks>
/// The directory holds <c>run.json</c> (what was run), <c>answers/&lt;configuration&gt;.jsonl</c> (LLaVA's format) and
/// <c>timings.csv</c>. Whatever interrupts a run, the next one with the same options goes on behind the last complete answer.
/// </remarks>
public sealed class EvaluationRun
{
    // So many images without one that worked mean a wrong folder rather than bad images.
    const int HopelessImages = 20;

    readonly EvaluationRunOptions _options;
    readonly IEvaluationModel _model;
    readonly IReadOnlyList<EvaluationQuestion> _questions;
    readonly HashSet<string> _images;
    readonly ImageSource _source;
    readonly int _maxOutputTokens;

    /// <summary>Reads and checks the questions.</summary>
    /// <exception cref="EvaluationException">The question file or the image folder is not usable.</exception>
    public EvaluationRun(EvaluationRunOptions options, IEvaluationModel model)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(model);
        if (options.Configurations.Count == 0) throw new ArgumentException("A run needs at least one configuration.", nameof(options));
        if (options.Limit is int limit) ArgumentOutOfRangeException.ThrowIfLessThan(limit, 1);
        _options = options;
        _model = model;
        _questions = options.Benchmark.ReadQuestions(options.QuestionsPath, options.Reading);
        if (_questions.Count == 0) throw new EvaluationException($"{options.QuestionsPath} has no questions.");
        _images = QuestionSample.Images(_questions, options.Limit);
        _source = new ImageSource(options.ImageFolder);
        _source.Check(_questions);
        _maxOutputTokens = options.MaxOutputTokens ?? options.Benchmark.MaxOutputTokens;
    }

    /// <summary>Questions that will be asked under each configuration.</summary>
    public int QuestionCount => _questions.Count(IsAsked);

    /// <summary>Runs, or goes on with, the sweep.</summary>
    /// <exception cref="EvaluationException">
    /// The directory belongs to another run or is in use, or no image can be used: none of the first 20, or none at all.
    /// </exception>
    public async Task<EvaluationRunResult> RunAsync(IProgress<EvaluationProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        string answers = Path.Combine(_options.Directory, "answers");
        Directory.CreateDirectory(answers);
        using FileStream guard = Lock();
        JsonObject manifest = RunManifest.Create(_options, _model.Info, _questions.Count, QuestionCount);
        RunManifest.Establish(_options.Directory, manifest);
        var logs = new List<AnswerLog>();
        try
        {
            foreach (EvaluationConfiguration configuration in _options.Configurations)
                logs.Add(AnswerLog.Open(Path.Combine(answers, configuration.Name + ".jsonl"), _options.Benchmark, _questions, _options.RetryFailed));
            using (var timings = new TimingLog(_options.Directory))
                await AskAllAsync(logs, timings, new Meter(_options.Clock, progress, logs, [.. Asked()]), cancellationToken).ConfigureAwait(false);
            foreach (AnswerLog log in logs) log.Finish();
        }
        finally
        {
            foreach (AnswerLog log in logs) log.Dispose();
        }
        return Result(manifest, logs);
    }

    async Task AskAllAsync(List<AnswerLog> logs, TimingLog timings, Meter meter, CancellationToken cancellationToken)
    {
        // As long as no image has worked the folder may be the wrong one, and what failed must not stand in the directory: the next
        // attempt would take it for answered.
        bool anyWorked = logs.Any(log => Asked().Any(i => _questions[i].HasImage && log[i] is { Error: null }));
        var held = new List<(int[] Questions, string Reason)>();
        foreach (IGrouping<string, int> group in Asked().GroupBy(i => QuestionSample.ImageOf(_questions[i])))
        {
            cancellationToken.ThrowIfCancellationRequested();
            int[] questions = [.. group];
            if (logs.All(log => questions.All(i => log[i] is not null))) continue;
            IEvaluationImage? image = null;
            try
            {
                image = await EncodeAsync(_questions[questions[0]], cancellationToken).ConfigureAwait(false);
                await AskAboutAsync(image, questions, logs, timings, meter, cancellationToken).ConfigureAwait(false);
                if (image is null) continue;
                anyWorked = true;
                foreach ((int[] failed, string reason) in held) Fail(logs, failed, reason);
                held.Clear();
            }
            catch (ImageFormatException e)
            {
                foreach (AnswerLog log in logs)
                    foreach (int _ in questions.Where(i => log[i] is null)) meter.Count(group.Key, failed: true);
                if (anyWorked) Fail(logs, questions, e.Message);
                else held.Add((questions, e.Message));
                if (held.Count >= HopelessImages) throw Hopeless($"None of the first {HopelessImages} images", held);
            }
            finally
            {
                image?.Dispose();
            }
        }
        if (held.Count > 0) throw Hopeless("No image", held);
    }

    static EvaluationException Hopeless(string which, List<(int[] Questions, string Reason)> held) =>
        new($"{which} can be used, the last because: {held[^1].Reason} Nothing was recorded; is the image folder the right one?");

    void Fail(List<AnswerLog> logs, int[] questions, string reason)
    {
        for (int c = 0; c < logs.Count; c++)
            foreach (int i in questions.Where(i => logs[c][i] is null)) logs[c].Add(i, Record(i, c, "", null, reason));
    }

    async Task<IEvaluationImage?> EncodeAsync(EvaluationQuestion question, CancellationToken cancellationToken)
    {
        if (!question.HasImage) return null;
        ReadOnlyMemory<byte> bytes = await _source.ReadAsync(question, cancellationToken).ConfigureAwait(false);
        return await _model.EncodeAsync(bytes, cancellationToken).ConfigureAwait(false);
    }

    async Task AskAboutAsync(IEvaluationImage? image, int[] questions, List<AnswerLog> logs, TimingLog timings, Meter meter, CancellationToken cancellationToken)
    {
        for (int c = 0; c < logs.Count; c++)
        {
            EvaluationConfiguration configuration = _options.Configurations[c];
            foreach (int i in questions.Where(i => logs[c][i] is null))
            {
                EvaluationQuestion question = _questions[i];
                try
                {
                    EvaluationReply reply = await _model.AnswerAsync(
                        image, question.Text, configuration, configuration.ImageSeed(question.ImageKey), _maxOutputTokens, cancellationToken).ConfigureAwait(false);
                    timings.Add(configuration, reply);
                    logs[c].Add(i, Record(i, c, reply.Text, reply.VisualTokens, null));
                    meter.Count(question.ImageKey, failed: false);
                }
                catch (ContextLengthException e)
                {
                    logs[c].Add(i, Record(i, c, "", null, e.Message));
                    meter.Count(question.ImageKey, failed: true);
                }
            }
        }
    }

    EvaluationAnswer Record(int index, int configuration, string text, int? visualTokens, string? error)
    {
        EvaluationQuestion question = _questions[index];
        string prompt = question.RecordedPrompt ?? question.Text;
        string model = $"{_model.Info.Name}/{_options.Configurations[configuration].Name}";
        // LLaVA draws a random id; ours follows from what was asked, so that two runs write the same file.
        byte[] hash = SHA256.HashData(Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{model}\n{index}\n{question.Id}\n{prompt}")));
        return new()
        {
            Id = question.Id,
            Prompt = prompt,
            Text = text,
            AnswerId = Convert.ToHexStringLower(hash)[..22],
            ModelId = model,
            Round = question.Round,
            Options = question.Options,
            VisualTokens = visualTokens,
            Error = error,
        };
    }

    EvaluationRunResult Result(JsonObject manifest, List<AnswerLog> logs)
    {
        Dictionary<string, TimingSummary> timings = TimingLog.Read(_options.Directory);
        return new EvaluationRunResult(_options.Benchmark, _model.Info, manifest, [.. _options.Configurations.Select((configuration, c) =>
            new ConfigurationResult(configuration, logs[c].ToSheet(_options.Benchmark, IsAsked), timings.GetValueOrDefault(configuration.Name)))]);
    }

    FileStream Lock()
    {
        try { return new FileStream(Path.Combine(_options.Directory, "run.lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, 1, FileOptions.DeleteOnClose); }
        catch (IOException e) { throw new EvaluationException($"{_options.Directory} is in use by another run.", e); }
    }

    bool IsAsked(EvaluationQuestion question) => _images.Contains(QuestionSample.ImageOf(question));

    IEnumerable<int> Asked() => Enumerable.Range(0, _questions.Count).Where(i => IsAsked(_questions[i]));

    /// <summary>Counts answers and estimates the remaining time from this attempt's own speed.</summary>
    sealed class Meter(TimeProvider clock, IProgress<EvaluationProgress>? progress, List<AnswerLog> logs, int[] asked)
    {
        readonly long _start = clock.GetTimestamp();
        readonly int _before = logs.Sum(log => asked.Count(i => log[i] is not null));
        readonly int _total = logs.Count * asked.Length;
        int _failed = logs.Sum(log => asked.Count(i => log[i]?.Error is not null));
        int _now;

        internal void Count(string image, bool failed)
        {
            _now++;
            if (failed) _failed++;
            TimeSpan elapsed = clock.GetElapsedTime(_start);
            int done = _before + _now;
            progress?.Report(new EvaluationProgress(done, _total, _failed, image, elapsed, elapsed * ((double)(_total - done) / _now)));
        }
    }
}
