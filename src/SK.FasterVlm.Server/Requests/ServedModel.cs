using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.AI;
using SK.FasterVlm.Pruning;
using SK.FasterVlm.Server.Protocol;

namespace SK.FasterVlm.Server.Requests;

/// <summary>The model behind the endpoints, as they see it.</summary>
/// <param name="client">Answers; whatever decorators stand before the model, it can be asked for.</param>
/// <param name="model">The model's options, for its limits, until it is loaded.</param>
/// <param name="server">The server's options.</param>
/// <param name="time">The clock.</param>
sealed class ServedModel(IChatClient client, FasterVlmOptions model, FasterVlmServerOptions server, TimeProvider time)
{
    readonly FasterVlmModelHost? _host = client.GetService<FasterVlmModelHost>();

    /// <summary>Answers.</summary>
    public IChatClient Client => client;

    /// <summary>Options of the model, for its limits.</summary>
    public FasterVlmOptions Options => Loaded?.Options ?? model;

    /// <summary>The server's options.</summary>
    public FasterVlmServerOptions Server => server;

    /// <summary>The name clients ask for.</summary>
    public string Id { get; } = client.GetService<ChatClientMetadata>()?.DefaultModelId ?? "fastervlm";

    /// <summary>When this process took the model up, seconds since 1970.</summary>
    public long Created { get; } = time.GetUtcNow().ToUnixTimeSeconds();

    /// <summary>Seconds since 1970.</summary>
    public long Now => time.GetUtcNow().ToUnixTimeSeconds();

    /// <summary>The model itself, once it is loaded; null when the client is not one of ours.</summary>
    public FasterVlmModel? Loaded => client.GetService<FasterVlmModel>();

    /// <summary>Whether a request would be answered without loading first.</summary>
    public bool IsReady => _host is null || _host.Loaded is not null;

    /// <summary>Changes with whatever may change an answer to the same seed: the model and the version of this library.</summary>
    public string Fingerprint => field ??= "fp_" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(
        string.Create(CultureInfo.InvariantCulture, $"{Id} {typeof(FasterVlmModel).Assembly.GetName().Version}")))).AsSpan(0, 10).ToString();

    /// <summary>Checks the name a client asks for.</summary>
    /// <exception cref="ApiException">404.</exception>
    public void RequireName(string name) => Known(name);

    /// <summary>Refuses more answers at once than the model can ever hold: waiting would not help.</summary>
    /// <param name="choices">Answers one request wants.</param>
    /// <exception cref="ApiException">400.</exception>
    public void RequireRoomFor(int choices)
    {
        if (_host is null && Loaded is null) return; // what holds requests there is not known
        int most = Options.MaxSequences + Options.MaxQueuedRequests;
        if (choices > most) throw ApiErrors.Range("n", "integer", 1, most, choices);
    }

    /// <summary>
    /// How many visual tokens of a view a detail keeps, to compare details by. A share of the attention counts as if all tokens had the same.
    /// </summary>
    public int SizeOf(ImageDetail detail)
    {
        const int Usual = 576; // LLaVA-1.5's, until the model is loaded
        float[] even = new float[Loaded?.Vision.Info.TokenCount ?? Usual];
        even.AsSpan().Fill(1f / even.Length);
        return (server.BudgetOf(detail) ?? Options.VisualTokens).Resolve(even);
    }

    /// <summary>A name as the server spells it.</summary>
    /// <exception cref="ApiException">404: not a name of the model.</exception>
    public string Known(string name) => server.ModelAliases.Prepend(Id)
        .FirstOrDefault(n => n.Equals(name, StringComparison.OrdinalIgnoreCase)) ?? throw ApiErrors.Model(Id);
}
